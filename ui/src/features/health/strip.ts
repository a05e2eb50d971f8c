// The last seven days as a strip: of an instance by its states, of a cluster by its incidents.

import type { HistoryPoint, Incident } from "../../ipc/generated";
import type { Cell } from "../../shared/Strip.svelte";
import { words } from "../../words";
import { LEVEL, STATES } from "./states";

const w = words.health.strips;

export const WEEK_MS = 7 * 24 * 3_600_000;
/** Two hours each: a day is twelve, and a panel is as wide as eighty-four of them. */
export const CELLS = 84;

const timeFormat = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
function stretch(from: number, to: number): string {
  return timeFormat.formatRange(from, to);
}

/** The worst state of each stretch. What lies before the first thing that was measured is no state. */
export function ofStates(points: readonly HistoryPoint[], bucketMs: number): Cell[] {
  const first = points.findIndex((point) => point.probes > 0 || point.cpu !== null || point.state !== "stopped");
  return points.map((point, nth) => {
    const when = stretch(point.at - bucketMs, point.at);
    if (first < 0 || nth < first) return { tone: "none", level: 0, words: w.notMeasured(when) };
    return { tone: STATES[point.state].tone, level: LEVEL[point.state], words: `${when}: ${STATES[point.state].word.toLowerCase()}` };
  });
}

/** The stretch that begins where what was measured ends, in the place of the oldest: what happens from now on is
 * of it, and not of one that is over. */
export function begun(points: readonly HistoryPoint[], bucketMs: number, state: HistoryPoint["state"]): HistoryPoint[] {
  const last = points.at(-1);
  return last === undefined ? [] : [...points.slice(1), { ...last, at: last.at + bucketMs, state }];
}

/** How many incidents each stretch had, and whether one of them needed a person. */
export function ofIncidents(incidents: readonly Incident[], now: number, cells = CELLS): Cell[] {
  const length = WEEK_MS / cells;
  const begin = now - WEEK_MS;
  return Array.from({ length: cells }, (_none, nth) => {
    const [from, to] = [begin + nth * length, begin + (nth + 1) * length];
    const own = incidents.filter((each) => each.opened < to && (each.resolved ?? now) >= from);
    const person = own.filter((each) => each.person).length;
    const when = stretch(from, to);
    if (own.length === 0) return { tone: "good", level: 0.3, words: w.noIncident(when) };
    return { tone: person > 0 ? "bad" : "warn", level: person > 0 ? 1 : 0.65, words: w.incidents(when, own.length, person) };
  });
}

/** What a strip says in one sentence: how many of its stretches were bad, of those that are known. */
export function said(cells: readonly Cell[], what: string): string {
  const known = cells.filter((cell) => cell.tone !== "none");
  const bad = known.filter((cell) => cell.level > 0.5);
  if (known.length === 0) return w.unknown(what);
  const last = bad.at(-1);
  return last === undefined ? w.well(what, known.length) : w.trouble(what, bad.length, known.length, last.words);
}
