// The terminals of the simulated home: each has a prompt that says back what is typed, and shares it with all
// who are attached.

import type { AttachRequest, LeaveTerminalRequest, ResizeTerminalRequest, TakeTerminalRequest, TerminalMessage, TerminalState, TypeTerminalRequest } from "../../ipc/generated";
import { CallError, type Ended } from "../types";
import type { World } from "./world";

const PROMPT = "\u001b[1;32m›\u001b[0m ";
const GREETING = [
  "\u001b[1mPython 3.11.2\u001b[0m (main, console of the shop)",
  'Type "help", "copyright", "credits" or "license" for more information.',
  "\u001b[2m# orders that wait: \u001b[0m\u001b[33m17\u001b[0m   \u001b[2mfailed today: \u001b[0m\u001b[31m2\u001b[0m",
  "",
].join("\r\n");

interface Shown {
  state: TerminalState;
  text: string;
  line: string;
  readers: Map<number, (message: TerminalMessage) => void>;
}

export class Terminals {
  private readonly shown = new Map<string, Shown>();
  private readonly sessions = new Map<number, Shown>();
  private last = 0;

  constructor(private readonly world: World) {}

  attach({ cluster, instance }: AttachRequest, onMessage: (message: TerminalMessage) => void, onEnd: (ended: Ended) => void): () => void {
    const service = this.world.clusters.get(cluster)?.services.find((each) => each.name === instance.slice(0, instance.lastIndexOf(".")));
    if (!service?.tty) {
      const timer = setTimeout(() => onEnd({ reason: `${service?.name ?? instance} has no terminal; write \`tty = true\` below [service.${service?.name ?? ""}] in azora.toml and bring it up again` }));
      return () => clearTimeout(timer);
    }
    const key = `${cluster}/${instance}`;
    const shown = this.shown.get(key) ?? { state: { size: { columns: 80, rows: 24 }, writer: null, runs: true }, text: GREETING + PROMPT, line: "", readers: new Map() };
    this.shown.set(key, shown);
    this.last += 1;
    const session = this.last;
    this.sessions.set(session, shown);
    shown.readers.set(session, onMessage);
    queueMicrotask(() => {
      onMessage({ kind: "attached", session, instance, state: shown.state });
      onMessage({ kind: "output", text: shown.text });
    });
    return () => {
      shown.readers.delete(session);
      this.sessions.delete(session);
      if (shown.state.writer?.session === session) this.set(shown, { ...shown.state, writer: null });
    };
  }

  take({ session, size }: TakeTerminalRequest, via = "browser"): TerminalState {
    const shown = this.of(session);
    return this.set(shown, { ...shown.state, size, writer: { session, via, since: Date.now() } });
  }

  leave({ session }: LeaveTerminalRequest): TerminalState {
    const shown = this.of(session);
    return this.set(shown, shown.state.writer?.session === session ? { ...shown.state, writer: null } : shown.state);
  }

  resize({ session, size }: ResizeTerminalRequest): Record<string, never> {
    const shown = this.of(session);
    this.set(shown, { ...shown.state, size });
    return {};
  }

  type({ session, text }: TypeTerminalRequest): Record<string, never> {
    const shown = this.of(session);
    if (shown.state.writer?.session !== session) throw new CallError("conflict", "this only looks on; take the input to type");
    for (const key of text) {
      if (key === "\r") {
        this.say(shown, `\r\n${shown.line === "" ? "" : `\u001b[36m${shown.line}\u001b[0m\r\n`}${PROMPT}`);
        shown.line = "";
      } else if (key === "\u007f") {
        if (shown.line !== "") this.say(shown, "\b \b");
        shown.line = shown.line.slice(0, -1);
      } else if (key >= " ") {
        shown.line += key;
        this.say(shown, key);
      }
    }
    return {};
  }

  /** Somebody at the command line takes the input: for tests. */
  other(): void {
    for (const shown of this.shown.values()) this.set(shown, { ...shown.state, writer: { session: -1, via: "cli", since: Date.now() } });
  }

  /** What a service writes: for tests. */
  write(text: string): void {
    for (const shown of this.shown.values()) this.say(shown, text);
  }

  private of(session: number): Shown {
    const shown = this.sessions.get(session);
    if (!shown) throw new CallError("conflict", "this terminal was let go of; attach again");
    return shown;
  }

  private say(shown: Shown, text: string): void {
    shown.text = (shown.text + text).slice(-64_000);
    for (const send of shown.readers.values()) send({ kind: "output", text });
  }

  private set(shown: Shown, state: TerminalState): TerminalState {
    shown.state = state;
    for (const send of shown.readers.values()) send({ kind: "state", state });
    return state;
  }
}
