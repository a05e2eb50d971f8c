// The last minutes of a route, a point a second. What was not looked at is a gap.

import type { Traffic } from "../../ipc/generated";

/** So far back curves go. */
export const KEPT_MS = 300_000;
/** Points that are kept: one a second. */
const KEPT = 300;
/** Points further apart than this have a gap between them. */
const GAP_MS = 3_500;

/** Columns as the chart takes them: seconds since 1970, then values. */
export interface Curves {
  times: number[];
  rate: (number | null)[];
  failed: (number | null)[];
  p50: (number | null)[];
  p99: (number | null)[];
}

/** A route has one, and there may be thousands: five numbers a point, and nothing else. */
export class Series {
  private readonly times = new Float64Array(KEPT);
  /** Rate, failed, p50, p99 of each point; what is not known is not a number. */
  private readonly values = new Float32Array(KEPT * 4);
  /** Where the next point goes, and how many there are. */
  private next = 0;
  private length = 0;
  private last = 0;

  /** What was seen then; a time that is not later than the last is left out. */
  add(at: number, { per_second, failed_per_second, p50_ms, p99_ms }: Pick<Traffic, "per_second" | "failed_per_second" | "p50_ms" | "p99_ms">): void {
    if (at <= this.last) return;
    this.last = at;
    this.times[this.next] = at;
    this.values.set([per_second, failed_per_second, p50_ms ?? NaN, p99_ms ?? NaN], this.next * 4);
    this.next = (this.next + 1) % KEPT;
    this.length = Math.min(KEPT, this.length + 1);
  }

  columns(): Curves {
    const curves: Curves = { times: [], rate: [], failed: [], p50: [], p99: [] };
    const names = ["rate", "failed", "p50", "p99"] as const;
    let before: number | null = null;
    for (let nth = this.length; nth > 0; nth -= 1) {
      const place = (this.next - nth + KEPT) % KEPT;
      const at = this.times[place] ?? 0;
      if (at < this.last - KEPT_MS) continue;
      if (before !== null && at - before > GAP_MS) {
        curves.times.push((before + 1) / 1_000);
        for (const name of names) curves[name].push(null);
      }
      before = at;
      curves.times.push(at / 1_000);
      names.forEach((name, which) => {
        const value = this.values[place * 4 + which] ?? NaN;
        curves[name].push(Number.isNaN(value) ? null : value);
      });
    }
    return curves;
  }
}
