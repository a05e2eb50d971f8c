// What features hold of the engine: the live picture, reads, acts that end when the engine says so,
// and streams that come back after a break.

import { getContext, setContext } from "svelte";
import { CallError, type Call, type Platform, type Request, type Response, type Stream } from "../platform/types";
import type { Act, Commands, Streams } from "./generated";
import { Live, pageClock } from "./live";
import { Reader } from "./reader";

export { CallError } from "../platform/types";
export type { Connection } from "./live";

/** Commands that answer with the act they began. */
export type ActCall = { [C in Call]: Commands[C]["response"] extends Act ? C : never }[Call];

const RETRY_MS = [250, 500, 1_000, 2_000, 5_000];

export class Client {
  readonly live: Live;
  /** The live picture, for templates and effects. */
  readonly home: Reader;

  constructor(readonly platform: Platform) {
    this.live = new Live(platform, pageClock());
    // The reader counts changes from before the first template reads.
    this.home = new Reader(this.live);
  }

  /** Asks once. Rejects with `CallError`. */
  read<C extends Call>(name: C, request: Request<C>): Promise<Response<C>> {
    return this.platform.call(name, request);
  }

  /** Does something and waits until the engine says what came of it. Rejects when it was refused or failed. */
  async act<C extends ActCall>(name: C, request: Request<C>): Promise<Act> {
    const begun = (await this.platform.call(name, request)) as Act;
    const act = begun.outcome.kind === "pending" ? await this.live.settled(begun) : begun;
    if (act.outcome.kind === "refused") throw new CallError("refused", act.outcome.detail);
    if (act.outcome.kind === "failed") throw new CallError("conflict", act.outcome.detail);
    return act;
  }

  /** A stream that is opened again when it breaks. `onOpen` runs before the messages of each opening. */
  keep<S extends Stream>(
    name: S,
    request: Streams[S]["request"],
    onOpen: () => void,
    onMessage: (message: Streams[S]["message"]) => void,
    onBreak: (reason: string) => void,
  ): () => void {
    let over = false;
    let tries = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stop: () => void = () => undefined;
    const open = (): void => {
      onOpen();
      stop = this.platform.stream(
        name,
        request,
        (message) => {
          tries = 0;
          onMessage(message);
        },
        ({ reason }) => {
          if (over) return;
          onBreak(reason);
          timer = setTimeout(open, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
          tries += 1;
        },
      );
    };
    open();
    return () => {
      over = true;
      clearTimeout(timer);
      stop();
    };
  }
}

const KEY = Symbol("client");

export function provideClient(client: Client): void {
  setContext(KEY, client);
}

export function useClient(): Client {
  return getContext<Client>(KEY);
}
