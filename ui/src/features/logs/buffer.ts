// The lines of one instance's log that are in the page: a window of the whole log that grows at its
// end while it is followed and at its beginning when a person scrolls up. Never more than `max` lines.

import type { LogLine } from "../../ipc/generated";

/** About 10 MB with what the browser keeps per line. */
export const MAX_LINES = 20_000;

export interface Growth {
  /** Rows added above what was there. */
  above: number;
  /** Rows dropped above what stays. */
  droppedAbove: number;
}

export class LogBuffer {
  lines: readonly LogLine[] = [];
  /** Newer lines were dropped to make room for older ones: the end of `lines` is not the end of the log. */
  cut = false;
  /** There may be lines before the first one. */
  more = true;

  constructor(private readonly max = MAX_LINES) {}

  clear(): void {
    this.lines = [];
    this.cut = false;
    this.more = true;
  }

  /** New lines from the stream. Lines that are already here are not taken twice. */
  append(batch: readonly LogLine[]): Growth {
    if (this.cut) return { above: 0, droppedAbove: 0 };
    const last = this.lines.at(-1)?.offset ?? -1;
    const fresh = batch.filter((line) => line.offset > last);
    if (fresh.length === 0) return { above: 0, droppedAbove: 0 };
    const all = [...this.lines, ...fresh];
    const droppedAbove = Math.max(0, all.length - this.max);
    this.lines = droppedAbove > 0 ? all.slice(droppedAbove) : all;
    if (droppedAbove > 0) this.more = true;
    return { above: 0, droppedAbove };
  }

  /** A part from the middle of the log: what is newer than it is not here. */
  jump(page: readonly LogLine[], more: boolean): void {
    this.lines = page.slice(0, this.max);
    this.more = more;
    this.cut = true;
  }

  /** Where to ask for older lines from. */
  get before(): number | undefined {
    return this.lines[0]?.offset;
  }

  /** Older lines, as asked for with `before`. */
  prepend(page: readonly LogLine[], more: boolean): Growth {
    const first = this.lines[0]?.offset ?? Infinity;
    const fresh = page.filter((line) => line.offset < first);
    this.more = more && fresh.length > 0;
    const all = [...fresh, ...this.lines];
    if (all.length > this.max) {
      this.cut = true;
      this.lines = all.slice(0, this.max);
    } else this.lines = all;
    return { above: fresh.length, droppedAbove: 0 };
  }
}

/** Rows whose text holds `needle`, in any case. */
export function matches(lines: readonly string[], needle: string): number[] {
  if (needle === "") return [];
  const small = needle.toLowerCase();
  const found: number[] = [];
  lines.forEach((line, at) => {
    if (line.toLowerCase().includes(small)) found.push(at);
  });
  return found;
}
