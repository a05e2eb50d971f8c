// A view of logs as it is read: which part of them is in the page, where in it the view stands, and whether
// it follows. Asks the engine for more as a person scrolls, one question at a time. Knows no elements.

import type { Client } from "../../ipc/client";
import type { ClusterId, InstanceId, LogLevel, LogLine, LogPlace, LogView, LogViewRequest } from "../../ipc/generated";
import { sentence } from "../../shared/doing.svelte";
import { words } from "../../words";
import { Part } from "./part";
import { opened, nameOf, Rows, type Top } from "./rows";

export const ROW = 19;
/** Lines that are asked for at a time, and how near to an end more are. */
const PAGE = 500;
const NEAR = 120;
/** Lines of a look that a view which follows can show at all. */
const NEWEST = 400;
/** A filter that finds nothing is let go on so often before the page says how far it came. */
const PATIENCE = 64;

/** What is read: it changes as a whole. */
export interface Scope {
  cluster: ClusterId;
  instances: readonly InstanceId[];
  level: LogLevel | null;
  /** Only lines of the last so many milliseconds. */
  span: number | null;
  /** Only lines that hold this. */
  only: { text?: string; grep?: string };
}

export class Reading {
  lines = $state.raw<readonly LogLine[]>([]);
  top = $state.raw<Top>({ nth: 0, hidden: 0 });
  height = $state(200);
  following = $state(true);
  /** How much lies above the view: for the scroll bar. */
  share = $state(1);
  /** What part of all is in view. */
  extent = $state(1);
  loading = $state(false);
  /** Bytes a filter has gone through without a line to show. */
  note = $state<string | null>(null);
  open = $state.raw<ReadonlyMap<string, readonly string[]>>(new Map());
  /** A line that was jumped to. */
  pointed = $state<string | null>(null);

  private readonly part = new Part();
  /** Counts what makes answers old. */
  private turn = 0;
  private stop: (() => void) | null = null;
  private waiting: LogLine[][] = [];
  private frame = 0;
  private over = false;

  constructor(
    private readonly client: Client,
    private scope: Scope,
  ) {}

  private get rows(): Rows {
    return new Rows(this.lines.length, ROW, (nth) => {
      const line = this.lines[nth];
      return 1 + (line && this.open.size > 0 ? (this.open.get(nameOf(line))?.length ?? 0) : 0);
    });
  }

  /** The lines on screen. */
  get shown(): { from: number; to: number } {
    return this.rows.shown(this.top, this.height);
  }

  /** Whether nothing lies below the view. */
  get atEnd(): boolean {
    const lowest = this.rows.lowest(this.height);
    return !this.part.newer && (this.top.nth > lowest.nth || (this.top.nth === lowest.nth && this.top.hidden >= lowest.hidden - 1));
  }

  close(): void {
    this.over = true;
    this.unfollow();
  }

  private question(place: LogPlace): LogViewRequest {
    const { cluster, instances, level, span, only } = this.scope;
    return { cluster, instances: [...instances], place, limit: PAGE, ...only, ...(level === null ? {} : { level }), ...(span === null ? {} : { since: Date.now() - span }) };
  }

  private view(place: LogPlace): Promise<LogView> {
    return this.client.read("view_logs", this.question(place));
  }

  /** Reads other lines, and stays at the same place as far as it can. */
  async change(scope: Scope): Promise<void> {
    this.scope = scope;
    const at = this.lines[this.top.nth];
    const filtered = scope.level !== null || scope.only.text !== undefined || scope.only.grep !== undefined;
    if (this.following || !at || filtered) await this.toEnd();
    else await this.jump({ kind: "line", instance: at.instance, offset: at.offset });
  }

  /** The end, and on with it as it grows. */
  async toEnd(): Promise<void> {
    this.following = true;
    this.pointed = null;
    await this.load({ kind: "end" });
    if (this.over || !this.following) return;
    this.follow();
  }

  /** Another place; the view no longer follows. */
  async jump(place: LogPlace, point = false): Promise<void> {
    this.following = false;
    this.unfollow();
    const before = await this.load(place);
    if (before === null) return;
    const line = place.kind === "line" ? this.lines[this.part.find(place.instance, place.offset)] : undefined;
    if (point && line) this.pointed = nameOf(line);
    const nth = line ? this.lines.indexOf(line) : before;
    this.stand({ nth: Math.max(0, Math.min(nth, this.lines.length - 1)), hidden: 0 }, line ? -this.height / 3 : 0);
    void this.more();
  }

  /** Loads a part; answers how many of its lines lie before the place, or `null` when another was asked for. */
  private async load(place: LogPlace): Promise<number | null> {
    this.turn += 1;
    const turn = this.turn;
    this.unfollow();
    this.loading = true;
    try {
      const view = await this.view(place);
      if (turn !== this.turn || this.over) return null;
      this.part.set(view);
      this.note = null;
      this.lines = this.part.lines;
      if (place.kind === "end") this.stand(this.rows.lowest(this.height), 0);
      // What a filter leaves is seldom a view full: more is looked for until it is.
      if (this.lines.length * ROW < this.height) await this.fill(turn);
      return turn === this.turn ? view.before : null;
    } catch (cause) {
      if (turn === this.turn) this.note = sentence(cause);
      return null;
    } finally {
      if (turn === this.turn) this.loading = false;
    }
  }

  private async fill(turn: number): Promise<void> {
    for (let tries = 0; tries < PATIENCE && this.part.older && this.lines.length * ROW < this.height; tries += 1) {
      const from = JSON.stringify(this.part.from);
      const view = await this.view({ kind: "before", places: this.part.from });
      if (turn !== this.turn || this.over) return;
      this.take(() => this.part.above(view));
      if (this.following) this.stand(this.rows.lowest(this.height), 0);
      if (JSON.stringify(this.part.from) === from) return;
    }
  }

  /** Changes the part; rows that come or go above leave the view where it is. */
  private take(change: () => number, goes = false): void {
    const count = change();
    this.lines = this.part.lines;
    const nth = this.top.nth + (goes ? -count : count);
    this.top = nth < 0 ? { nth: 0, hidden: 0 } : { nth, hidden: this.top.hidden };
  }

  private follow(): void {
    this.unfollow();
    const { cluster, instances, level, only } = this.scope;
    const services = [...new Set(instances.map((instance) => instance.slice(0, instance.lastIndexOf("."))))];
    const mine = new Set(instances);
    const take = (): void => {
      this.frame = 0;
      const batches = this.waiting;
      this.waiting = [];
      for (const batch of batches) this.take(() => this.part.follow(batch), true);
      this.stand(this.rows.lowest(this.height), 0);
    };
    this.stop = this.client.keep(
      "follow_logs",
      { cluster, services, tail: 0, from: { ...this.part.to }, newest: NEWEST, ...only, ...(level === null ? {} : { level }) },
      () => {
        this.note = null;
      },
      (batch) => {
        const own = batch.filter((line) => mine.has(line.instance));
        if (own.length > 0) this.waiting.push(own);
        // A flood arrives in many batches; the page takes them once a frame.
        if (this.frame === 0 && this.waiting.length > 0) this.frame = requestAnimationFrame(take);
      },
      (reason) => {
        this.note = words.logs.notFollowed(reason);
      },
    );
  }

  private unfollow(): void {
    this.stop?.();
    this.stop = null;
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.waiting = [];
  }

  /** Nobody looks at the page: nothing is sent to it. Who comes back sees the end again. */
  hide(hidden: boolean): void {
    if (hidden) this.unfollow();
    else if (this.following && this.stop === null) void this.toEnd();
  }

  /** Scrolls by pixels. */
  scroll(by: number): void {
    if (this.lines.length === 0) return;
    this.stand(this.top, by);
    if (by < 0 && this.following && !this.atEnd) {
      this.following = false;
      this.unfollow();
    } else if (by > 0 && !this.following && this.atEnd) void this.toEnd();
    else void this.more();
  }

  /** To where so much of all lies above. */
  toShare(share: number): void {
    if (share >= 0.999) void this.toEnd();
    else void this.jump({ kind: "share", share: Math.max(0, share) });
  }

  private stand(top: Top, by: number): void {
    this.top = this.rows.move(top, by, this.height);
    this.measure();
  }

  private measure(): void {
    const { from, to } = this.shown;
    const end = to >= this.lines.length && !this.part.newer;
    this.share = this.part.share(from);
    this.extent = Math.max(0, (end ? 1 : this.part.share(to)) - this.share);
  }

  /** The view has another height. */
  resize(height: number): void {
    this.height = height;
    this.stand(this.following ? this.rows.lowest(height) : this.top, 0);
    if (this.lines.length > 0) void this.more();
  }

  /** More lines where the view is near to an end of the part. */
  private async more(): Promise<void> {
    if (this.loading || this.over) return;
    const { from, to } = this.shown;
    const up = from < NEAR && this.part.older;
    const down = this.lines.length - to < NEAR && this.part.newer && !this.following;
    if (!up && !down) return;
    const turn = this.turn;
    this.loading = true;
    let moved = false;
    try {
      if (up) {
        const view = await this.view({ kind: "before", places: this.part.from });
        if (turn !== this.turn || this.over) return;
        moved = JSON.stringify(view.from) !== JSON.stringify(this.part.from);
        this.take(() => this.part.above(view));
      } else {
        const view = await this.view({ kind: "after", places: this.part.to });
        if (turn !== this.turn || this.over) return;
        moved = JSON.stringify(view.to) !== JSON.stringify(this.part.to);
        this.take(() => this.part.below(view), true);
      }
      this.measure();
    } catch (cause) {
      this.note = sentence(cause);
    } finally {
      if (turn === this.turn) this.loading = false;
    }
    // A filter may have found nothing yet; a question that moved nothing is not asked again.
    if (moved) void this.more();
  }

  /** Opens a line, or closes it. */
  toggle(line: LogLine, plainText: string): void {
    const name = nameOf(line);
    const next = new Map(this.open);
    if (next.delete(name)) this.open = next;
    else {
      const rows = opened(plainText);
      if (rows === null) return;
      // Few are open at a time; the first that was opened goes.
      if (next.size >= 50) next.delete(next.keys().next().value ?? "");
      this.open = next.set(name, rows);
    }
    if (this.following) {
      this.following = false;
      this.unfollow();
    }
    this.stand(this.top, 0);
  }
}
