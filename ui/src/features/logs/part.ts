// The part of one log, or of several in the order of time, that is in the page. It grows at both ends as a
// person scrolls and at its end while it is followed, and never holds more than `max` lines. Where it
// begins and ends is known for each log, so nothing is shown twice or left out.

import type { InstanceId, LogLine, LogView } from "../../ipc/generated";

/** About 3 MB with what the browser keeps per line. */
export const MAX_LINES = 6_000;

export type Places = Record<InstanceId, number>;

export class Part {
  lines: readonly LogLine[] = [];
  /** Where the part begins and ends in each log. */
  from: Places = {};
  to: Places = {};
  /** Where what is kept of each log begins and ends, as far as was heard. */
  begin: Places = {};
  end: Places = {};

  constructor(private readonly max = MAX_LINES) {}

  /** Another part of the logs. */
  set(view: LogView): void {
    this.lines = view.lines;
    this.from = { ...view.from };
    this.to = { ...view.to };
    this.heard(view);
  }

  /** Older lines, as asked for with `from`. Answers how many came above. */
  above(view: LogView): number {
    this.lines = [...view.lines, ...this.lines];
    this.from = { ...view.from };
    this.heard(view);
    for (const line of this.lines.slice(this.max).reverse()) this.to[line.instance] = line.offset;
    this.lines = this.lines.slice(0, this.max);
    return view.lines.length;
  }

  /** Newer lines, as asked for with `to`. Answers how many were let go above. */
  below(view: LogView): number {
    this.lines = [...this.lines, ...view.lines];
    this.to = { ...view.to };
    this.heard(view);
    return this.letGo(this.lines.length - this.max);
  }

  /** One message of lines that have just been written. Answers how many were let go above. */
  follow(batch: readonly LogLine[]): number {
    const fresh: LogLine[] = [];
    let gap = 0;
    for (const line of batch) {
      if (line.offset < (this.to[line.instance] ?? 0)) continue;
      if (line.skipped !== undefined) gap = this.lines.length;
      fresh.push(line);
      this.to[line.instance] = line.end;
      this.end[line.instance] = Math.max(this.end[line.instance] ?? 0, line.end);
      this.from[line.instance] ??= line.offset;
      this.begin[line.instance] ??= 0;
    }
    this.lines = [...this.lines, ...fresh];
    // What was passed over lies between: what is above it is no longer of one piece with what follows.
    return this.letGo(Math.max(gap, this.lines.length - this.max));
  }

  private letGo(count: number): number {
    if (count <= 0) return 0;
    for (const line of this.lines.slice(0, count)) this.from[line.instance] = line.end;
    const first = new Map<InstanceId, number>();
    for (const line of this.lines.slice(count)) {
      if (!first.has(line.instance)) first.set(line.instance, line.offset);
      if (line.skipped !== undefined) this.from[line.instance] = first.get(line.instance) ?? line.offset;
    }
    this.lines = this.lines.slice(count);
    return count;
  }

  private heard(view: LogView): void {
    this.begin = { ...view.begin };
    for (const [instance, end] of Object.entries(view.end)) this.end[instance] = Math.max(end, this.to[instance] ?? 0);
  }

  /** There is something before the part. */
  get older(): boolean {
    return Object.entries(this.from).some(([instance, at]) => at > (this.begin[instance] ?? 0));
  }

  /** There is something after it. */
  get newer(): boolean {
    return Object.entries(this.to).some(([instance, at]) => at < (this.end[instance] ?? 0));
  }

  /** How much of all that is kept lies before the line of this number: 0 is the beginning, 1 the end. */
  share(nth: number): number {
    const places: Places = { ...this.from };
    // What comes before it of its own log is known; of the others, the last line above it.
    for (const line of this.lines.slice(0, nth)) places[line.instance] = line.end;
    let [before, all] = [0, 0];
    for (const [instance, begin] of Object.entries(this.begin)) {
      const end = this.end[instance] ?? begin;
      before += Math.min(Math.max((places[instance] ?? begin) - begin, 0), end - begin);
      all += end - begin;
    }
    return all === 0 ? 0 : before / all;
  }

  /** The number of the line at this place, or of the first after it. */
  find(instance: InstanceId, offset: number): number {
    const at = this.lines.findIndex((line) => line.instance === instance && line.end > offset);
    return at < 0 ? this.lines.length - 1 : at;
  }
}
