// What is looked for, as the page marks it in the lines on screen. The engine is who finds; a pattern that
// only it understands is not marked.

export interface Needle {
  text: string;
  /** A regular expression, not a text. */
  pattern: boolean;
}

/** The longest that the engine takes, in bytes; see `telemetry`'s patterns. */
export const MAX_NEEDLE = 1_000;

/** Marks in one line. */
const MAX_MARKS = 200;

/** What the engine is asked with. */
export function asked(needle: Needle): { text?: string; grep?: string } {
  if (needle.text === "") return {};
  return needle.pattern ? { grep: needle.text } : { text: needle.text };
}

export function marker(needle: Needle): RegExp | null {
  if (needle.text === "") return null;
  const source = needle.pattern ? needle.text : needle.text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  try {
    return new RegExp(source, "giu");
  } catch {
    return null;
  }
}

/** From where to where the plain text of a line holds it. */
export function marks(text: string, marker: RegExp | null): [number, number][] {
  const found: [number, number][] = [];
  if (marker === null) return found;
  for (const match of text.matchAll(marker)) {
    if (match[0] !== "") found.push([match.index, match.index + match[0].length]);
    if (found.length >= MAX_MARKS) break;
  }
  return found;
}

/** Pieces of text cut where marks begin and end. */
export function cut<T extends { text: string }>(pieces: readonly T[], found: readonly [number, number][]): (T & { marked: boolean })[] {
  const done: (T & { marked: boolean })[] = [];
  let at = 0;
  let nth = 0;
  for (const piece of pieces) {
    const end = at + piece.text.length;
    let from = at;
    while (from < end) {
      while (nth < found.length && (found[nth]?.[1] ?? 0) <= from) nth += 1;
      const [begin, stop] = found[nth] ?? [Infinity, Infinity];
      const marked = begin <= from;
      const to = Math.min(end, marked ? stop : begin);
      done.push({ ...piece, text: piece.text.slice(from - at, to - at), marked });
      from = to;
    }
    at = end;
  }
  return done;
}

/** A place somebody typed: an address ("#1024"), a time of day or a date with one, or how long ago ("15m"). */
export type Wanted = { address: number } | { at: number };

export function wanted(text: string, now: number): Wanted | null {
  const words = text.trim();
  const address = /^#\s*(\d{1,15})$/.exec(words);
  if (address) return { address: Number(address[1]) };
  const span = /^(\d{1,6})\s*(s|min|m|h|d)(?:\s+ago)?$/.exec(words);
  if (span) {
    const units: Record<string, number> = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };
    return { at: now - Number(span[1]) * (units[span[2] ?? ""] ?? 0) };
  }
  const time = /^(?:(\d{4})-(\d{1,2})-(\d{1,2})[ T])?(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(words);
  if (!time) return null;
  const [hour, minute, second] = [Number(time[4]), Number(time[5]), Number(time[6] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59) return null;
  const day = new Date(now);
  if (time[1] !== undefined) day.setFullYear(Number(time[1]), Number(time[2]) - 1, Number(time[3]));
  day.setHours(hour, minute, second, 0);
  // A time of day that is yet to come was yesterday's.
  const at = day.getTime();
  return { at: time[1] === undefined && at > now ? at - 86_400_000 : at };
}
