// The host is the engine's own HTTP server, the page is in a browser. The token arrives in the URL's
// fragment (which browsers never send), is kept for this tab only, and leaves the address bar at once.

import type { Failure, Streams } from "../ipc/generated";
import { download } from "./download";
import { CallError, type Platform, type Stream } from "./types";
import { words } from "../words";

const KEY = "azora.token";

function takeToken(): string | null {
  const given = /(?:^#|&)token=([0-9a-fA-F]+)/.exec(location.hash)?.[1];
  if (given === undefined) return sessionStorage.getItem(KEY);
  sessionStorage.setItem(KEY, given);
  history.replaceState(history.state, "", location.pathname + location.search);
  return given;
}

async function failure(answer: Response): Promise<CallError> {
  if (answer.status === 401 || answer.status === 403) {
    return new CallError("unauthorised", words.platform.noToken);
  }
  try {
    const said = (await answer.json()) as Failure;
    return new CallError(said.code, said.message);
  } catch {
    return new CallError("internal", words.platform.answered(answer.status, answer.statusText));
  }
}

export function web(): Platform {
  const token = takeToken();
  const ask = (path: string, body: unknown): Promise<Response> =>
    fetch(path, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "Azora-Asked": String(Date.now()),
        ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
    });

  return {
    kind: "web",

    async call(name, request) {
      let answer: Response;
      try {
        answer = await ask(`/api/call/${name}`, request);
      } catch {
        throw new CallError("unreachable", words.platform.mayBeStopped);
      }
      if (!answer.ok) throw await failure(answer);
      return answer.json();
    },

    stream<S extends Stream>(
      name: S,
      request: Streams[S]["request"],
      onMessage: (message: Streams[S]["message"]) => void,
      onEnd: (ended: { reason: string }) => void,
    ) {
      // A browser opens six HTTP connections to a host, all its tabs together; of sockets it opens hundreds.
      const socket = new WebSocket(`ws://${location.host}/api/socket`);
      let opened = false;
      let stopped = false;
      const end = (reason: string): void => {
        if (stopped) return;
        stopped = true;
        // Whatever went wrong, the socket must not stay open behind a reader that is gone.
        socket.close();
        onEnd({ reason });
      };
      socket.onopen = () => {
        if (stopped) socket.close();
        else socket.send(JSON.stringify({ token: token ?? "", stream: name, request }));
      };
      socket.onmessage = ({ data }: MessageEvent<string>) => {
        if (stopped) return;
        try {
          if (opened) {
            for (const line of data.split("\n")) if (line !== "" && !stopped) onMessage(JSON.parse(line) as Streams[S]["message"]);
            return;
          }
          const head = JSON.parse(data) as "opened" | "unauthorised" | { failed: Failure };
          if (head === "opened") opened = true;
          else end(head === "unauthorised" ? words.platform.noToken : head.failed.message);
        } catch (cause) {
          end(String(cause));
        }
      };
      socket.onclose = ({ wasClean }) => end(opened && wasClean ? words.platform.endedStream : words.platform.noAnswer);
      return () => {
        stopped = true;
        // One that is not open yet is closed when it is: to break it off is told in the console as an error.
        if (socket.readyState === WebSocket.OPEN) socket.close();
      };
    },

    save(name, content) {
      download(name, content);
      return Promise.resolve(null);
    },

    openExternal(url) {
      window.open(url, "_blank", "noopener,noreferrer");
    },
  };
}
