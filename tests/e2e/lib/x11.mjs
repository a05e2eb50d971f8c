// Presses a window's close button where there is no window manager that draws one: the message a
// window manager would send, over X's own protocol. (Destroying the window would be a crash.)

import net from "node:net";

/** Asks a window to close: WM_PROTOCOLS with WM_DELETE_WINDOW. */
export async function close(window, display = process.env.DISPLAY) {
  const number = /^:(\d+)/.exec(display)?.[1];
  if (number === undefined) throw new Error(`no local display: ${display}`);
  const x = await connect(`/tmp/.X11-unix/X${number}`);
  try {
    const protocols = await x.atom("WM_PROTOCOLS");
    const remove = await x.atom("WM_DELETE_WINDOW");
    x.clientMessage(window, protocols, remove);
    // An answered request proves that the server has read what was sent before it.
    await x.atom("WM_STATE");
  } finally {
    x.end();
  }
}

async function connect(path) {
  const socket = net.createConnection(path);
  const read = reader(socket);
  // Little-endian, protocol 11.0, no authorisation.
  socket.write(Buffer.from([0x6c, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
  const head = await read(8);
  const rest = await read(head.readUInt16LE(6) * 4);
  if (head[0] !== 1) throw new Error(`the X server refused: ${rest.toString("latin1")}`);

  return {
    end: () => socket.end(),

    /** InternAtom. */
    async atom(name) {
      const padded = Math.ceil(name.length / 4) * 4;
      const request = Buffer.alloc(8 + padded);
      request.writeUInt8(16, 0);
      request.writeUInt16LE(request.length / 4, 2);
      request.writeUInt16LE(name.length, 4);
      request.write(name, 8, "latin1");
      socket.write(request);
      const reply = await read(32);
      if (reply[0] !== 1) throw new Error(`the X server answered ${reply[0]} to InternAtom ${name}`);
      return reply.readUInt32LE(8);
    },

    /** SendEvent of a ClientMessage with one 32-bit word. */
    clientMessage(window, type, word) {
      const request = Buffer.alloc(44);
      request.writeUInt8(25, 0);
      request.writeUInt16LE(11, 2);
      request.writeUInt32LE(window, 4);
      request.writeUInt8(33, 12);
      request.writeUInt8(32, 13);
      request.writeUInt32LE(window, 16);
      request.writeUInt32LE(type, 20);
      request.writeUInt32LE(word, 24);
      socket.write(request);
    },
  };
}

/** Reads exactly so many bytes at a time. */
function reader(socket) {
  let kept = Buffer.alloc(0);
  let wake = () => {};
  let broken = null;
  socket.on("data", (piece) => {
    kept = Buffer.concat([kept, piece]);
    wake();
  });
  for (const over of ["error", "close"]) {
    socket.on(over, (error) => {
      broken ??= error instanceof Error ? error : new Error("the X server hung up");
      wake();
    });
  }
  return async (bytes) => {
    while (kept.length < bytes) {
      if (broken) throw broken;
      await new Promise((resolve) => (wake = resolve));
    }
    const piece = kept.subarray(0, bytes);
    kept = kept.subarray(bytes);
    return piece;
  };
}
