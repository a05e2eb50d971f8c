// All the UI may ask of its host. One implementation per host; nothing else in the UI knows which
// one it runs in, except by `kind`.

import type { Code, Commands, Streams } from "../ipc/generated";

export type Call = keyof Commands;
export type Stream = keyof Streams;
export type Request<C extends Call> = Commands[C]["request"];
export type Response<C extends Call> = Commands[C]["response"];

/** Why a stream is over. `stop()` ends it without a word. */
export type Ended = { reason: string };

export interface Platform {
  readonly kind: "tauri" | "web" | "fake";

  /** Asks once. Rejects with `CallError` and nothing else. */
  call<C extends Call>(name: C, request: Request<C>): Promise<Response<C>>;

  /**
   * Opens a stream. `onMessage` gets messages in order; `onEnd` is called once when it breaks or the
   * host ends it, never after the returned `stop` was called.
   */
  stream<S extends Stream>(
    name: S,
    request: Streams[S]["request"],
    onMessage: (message: Streams[S]["message"]) => void,
    onEnd: (ended: Ended) => void,
  ): () => void;

  /** Lets a person choose a folder; `null` when they change their mind. Absent where the host cannot. */
  pickFolder?: () => Promise<string | null>;

  /** Whether the app starts with the person's session, and how to change that. Absent where the host has no say. */
  autostart?: { isOn: () => Promise<boolean>; set: (on: boolean) => Promise<void> };

  /** Calls `listener` when a drag comes over the window and when it is gone. Returns how to stop. */
  onDrag?: (listener: (over: boolean) => void) => () => void;

  /** Opens a saved log in the program this person opens such files with. Rejects with `CallError`. Absent where the host cannot. */
  openCopy?: (path: string) => Promise<void>;

  /**
   * Hands a person a file that the page has made, in the folder that downloads go to. Says where it lies; `null`
   * where the host itself shows that. Rejects with `CallError`.
   */
  save(name: string, content: Blob): Promise<string | null>;

  /** Opens an address in the person's browser, outside of the app. */
  openExternal(url: string): void;
}

/** A command that failed. `unreachable` is the host's own: nobody answered. */
export class CallError extends Error {
  constructor(
    readonly code: Code | "unreachable" | "unauthorised",
    message: string,
  ) {
    super(message);
    this.name = "CallError";
  }
}
