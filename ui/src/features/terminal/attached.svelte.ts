// Somebody attached to the terminal of an instance: what the engine says of it, who types, and what is typed
// in the order it was typed.

import type { Client } from "../../ipc/client";
import type { ClusterId, InstanceId, TerminalSize, TerminalWriter } from "../../ipc/generated";
import { sentence } from "../../shared/doing.svelte";
import { cut } from "./cut";
import { words } from "../../words";

/** What shows it. */
export interface Shows {
  begin: () => void;
  show: (text: string) => void;
  size: (size: TerminalSize) => void;
}

/** What may wait to be sent. A paste that is longer is refused whole. */
const MOST = 1_000_000;

export class Attached {
  /** `null` while nobody answers. */
  session = $state<number | null>(null);
  writer = $state.raw<TerminalWriter | null>(null);
  size = $state.raw<TerminalSize | null>(null);
  /** What is to be said of it: a break, what was left out. */
  note = $state<string | null>(null);
  /** What went wrong with something a person did. */
  error = $state<string | null>(null);
  taking = $state(false);
  /** The input is ours. */
  readonly mine = $derived(this.session !== null && this.writer?.session === this.session);

  private waiting = "";
  private sending = false;

  constructor(
    private readonly client: Client,
    private readonly cluster: ClusterId,
    private readonly instance: InstanceId,
    private readonly shows: Shows,
  ) {}

  /** Attaches, and again whenever the engine comes back; until the answer is called. */
  open(): () => void {
    return this.client.keep(
      "attach",
      { cluster: this.cluster, instance: this.instance },
      () => {
        this.session = null;
        this.writer = null;
        this.waiting = "";
      },
      (message) => {
        if (message.kind === "attached") {
          this.note = null;
          this.session = message.session;
          this.shows.begin();
          this.take_in(message.state);
        } else if (message.kind === "state") this.take_in(message.state);
        else if (message.kind === "output") this.shows.show(message.text);
        else this.note = words.terminal.leftOut(message.bytes);
      },
      (reason) => {
        this.session = null;
        this.writer = null;
        this.waiting = "";
        this.note = words.terminal.detached(reason);
      },
    );
  }

  private take_in(state: { size: TerminalSize; writer: TerminalWriter | null }): void {
    this.writer = state.writer;
    this.size = state.size;
    this.shows.size(state.size);
  }

  /** Takes the input, from whoever has it. */
  async take(size: TerminalSize): Promise<void> {
    const session = this.session;
    if (session === null || this.taking || this.mine) return;
    this.taking = true;
    await this.tell(async () => this.take_in(await this.client.read("take_terminal", { session, size })));
    this.taking = false;
  }

  async leave(): Promise<void> {
    const session = this.session;
    if (session === null || !this.mine) return;
    this.waiting = "";
    await this.tell(async () => this.take_in(await this.client.read("leave_terminal", { session })));
  }

  async resize(size: TerminalSize): Promise<void> {
    const session = this.session;
    if (session === null || !this.mine || (size.columns === this.size?.columns && size.rows === this.size.rows)) return;
    await this.tell(() => this.client.read("resize_terminal", { session, size }));
  }

  /** Types. What is typed while the last of it is on its way goes together with what comes after. */
  type(text: string): void {
    if (!this.mine) return;
    if (this.waiting.length + text.length > MOST) {
      this.error = words.terminal.tooMuch;
      return;
    }
    this.waiting += text;
    if (!this.sending) void this.send();
  }

  private async send(): Promise<void> {
    this.sending = true;
    while (this.waiting !== "" && this.mine && this.session !== null) {
      const session = this.session;
      const [text, rest] = cut(this.waiting);
      this.waiting = rest;
      await this.tell(async () => {
        await this.client.read("type_terminal", { session, text });
        this.error = null;
      });
      // What was not taken is not typed later, when nobody expects it.
      if (this.error !== null) this.waiting = "";
    }
    this.sending = false;
  }

  private async tell(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      this.error = sentence(cause);
    }
  }
}
