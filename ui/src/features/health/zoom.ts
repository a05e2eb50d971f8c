// Which part of the time a chart is zoomed to.

/** A part of time, in milliseconds. */
export interface Part {
  from: number;
  to: number;
}

/** Measurements are written down four times a minute; there is nothing to see closer than this. */
export const LEAST_MS = 60_000;

/** The part that is meant by `from` to `to`, in seconds as on a chart; `null` when that is all of the range, or more. */
export function part(from: number, to: number, rangeMs: number, now: number): Part | null {
  const wanted = Math.max(LEAST_MS, (to - from) * 1_000);
  if (!Number.isFinite(wanted) || wanted >= rangeMs) return null;
  const middle = ((from + to) / 2) * 1_000;
  // Whole, as the engine counts; nothing is known of what is to come, or of what is older than the range.
  const end = Math.round(Math.max(now - rangeMs + wanted, Math.min(now, middle + wanted / 2)));
  return { from: end - Math.round(wanted), to: end };
}

/** Half or twice of what is shown, around `at`. All in seconds. */
export function closer(shown: readonly [number, number], at: number, by: "in" | "out"): [number, number] {
  const [from, to] = shown;
  const length = (to - from) * (by === "in" ? 0.5 : 2);
  const begin = by === "in" ? Math.min(to - length, Math.max(from, at - length / 2)) : at - length / 2;
  return [begin, begin + length];
}
