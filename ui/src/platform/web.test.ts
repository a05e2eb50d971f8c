import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { web } from "./web";

/** A socket whose other end is the test. */
class Socket {
  static readonly OPEN = 1;
  static all: Socket[] = [];
  readyState = 0;
  sent: string[] = [];
  closed = false;
  onopen: () => void = () => undefined;
  onmessage: (event: { data: string }) => void = () => undefined;
  onclose: (event: { wasClean: boolean }) => void = () => undefined;

  constructor(readonly address: string) {
    Socket.all.push(this);
  }
  send(text: string): void {
    this.sent.push(text);
  }
  close(): void {
    this.closed = true;
  }
  open(): void {
    this.readyState = Socket.OPEN;
    this.onopen();
  }
  say(data: string): void {
    this.onmessage({ data });
  }
}

beforeEach(() => {
  Socket.all = [];
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("location", { hash: "", host: "127.0.0.1:4711", pathname: "/", search: "" });
  vi.stubGlobal("sessionStorage", { getItem: () => "abc" });
});
afterEach(() => vi.unstubAllGlobals());

function stream(): { socket: Socket; heard: unknown[]; ended: string[]; stop: () => void } {
  const [heard, ended]: [unknown[], string[]] = [[], []];
  const stop = web().stream(
    "feed",
    {},
    (message) => heard.push(message),
    ({ reason }) => ended.push(reason),
  );
  const socket = Socket.all[0];
  if (!socket) throw new Error("no socket was opened");
  return { socket, heard, ended, stop };
}

test("a stream shows its token, hears every line and says once that it is over", () => {
  const { socket, heard, ended } = stream();
  expect(socket.address).toBe("ws://127.0.0.1:4711/api/socket");
  socket.open();
  expect(socket.sent).toEqual(['{"token":"abc","stream":"feed","request":{}}']);
  socket.say('"opened"');
  socket.say('{"n":1}\n{"n":2}\n');
  // A quiet stream sends an empty line.
  socket.say("\n");
  expect([heard, ended]).toEqual([[{ n: 1 }, { n: 2 }], []]);
  socket.onclose({ wasClean: true });
  socket.onclose({ wasClean: true });
  expect(ended).toEqual(["the engine ended the stream"]);
});

test("why there is no stream is said", () => {
  const of = (happens: (socket: Socket) => void): string[] => {
    Socket.all = [];
    const { socket, ended } = stream();
    socket.open();
    happens(socket);
    socket.onclose({ wasClean: true });
    return ended;
  };
  expect(of((socket) => socket.say('{"failed":{"code":"not_found","message":"there is no such log"}}'))).toEqual(["there is no such log"]);
  expect(of((socket) => socket.say('"unauthorised"'))).toEqual([expect.stringMatching(/holds no valid token/)]);
  expect(of(() => undefined)).toEqual(["the engine does not answer"]);
  expect(
    of((socket) => {
      socket.say('"opened"');
      socket.onclose({ wasClean: false });
    }),
  ).toEqual(["the engine does not answer"]);
});

test("who stops hears nothing more, and the socket goes with it", () => {
  const { socket, heard, ended, stop } = stream();
  socket.open();
  socket.say('"opened"');
  stop();
  socket.say('{"n":1}\n');
  socket.onclose({ wasClean: true });
  expect([heard, ended, socket.closed]).toEqual([[], [], true]);

  // One that is not open yet is not broken off, but asks for nothing.
  Socket.all = [];
  const early = stream();
  early.stop();
  expect(early.socket.closed).toBe(false);
  early.socket.open();
  expect([early.socket.sent, early.socket.closed]).toEqual([[], true]);
});
