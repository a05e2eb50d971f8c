// What a rehearsal came to, as people read it: which services are weak spots, what did harm and how much,
// and the two runs side by side.

import type { RehearsalReport, RehearsalRun, RehearsedService, Weakness, WeaknessKind } from "../../ipc/generated";
import { available, span } from "../../shared/format";
import type { Overlay, OverlayLook, OverlayMark } from "../topology/overlay";
import { words } from "../../words";

const w = words.rehearsal;

/** Whose harm is counted in times rather than milliseconds. */
const IN_TIMES: ReadonlySet<WeaknessKind> = new Set(["no_readiness", "touchy_health", "short_timeout", "short_patience", "undeclared_need"]);

/** "20 min", "3 times". */
function amount(kind: WeaknessKind, harm: number): string {
  return IN_TIMES.has(kind) ? w.times(harm) : span(harm);
}

/** What it did, and what is left of that with all that is proposed done: "20 min, then 22 s". */
export function harm({ kind, harm, harm_after, proposal }: Weakness): { before: string; after: string | null } {
  return { before: amount(kind, harm), after: proposal === undefined ? null : harm_after === 0 && !IN_TIMES.has(kind) ? w.noHarm : amount(kind, harm_after) };
}

/** What is to be written, as it stands in the file. */
export function proposed({ proposal }: Weakness): string | null {
  return proposal === undefined ? null : `[${proposal.table}]\n${proposal.line}`;
}

/** Why there was nothing to rehearse, as `azora rehearse` says it; `null` when there was. */
export function nothing({ run, faults }: RehearsalReport): string | null {
  if (faults > 0) return null;
  return w.nothing(run.services.length);
}

/**
 * Who stands out on the graph: what has a weakness, what fared worse than the average, and the rest. `null` when there
 * was nothing to rehearse: who met no fault has stood none.
 */
export function overlayOf(report: RehearsalReport): Overlay | null {
  if (nothing(report) !== null) return null;
  const { run, weaknesses } = report;
  const weak = new Map<string, Weakness[]>();
  for (const each of weaknesses) weak.set(each.service, [...(weak.get(each.service) ?? []), each]);
  return new Map(
    run.services.map((one): [string, OverlayMark] => {
      const found = weak.get(one.service);
      const look: OverlayLook = found ? "weak" : one.availability < run.availability ? "lower" : "steady";
      const note = available(one.availability);
      const why = found ? w.weakSpot(found.map((each) => w.kinds[each.kind].toLowerCase())) : mostly(one);
      return [one.service, { look, note, told: why === "" ? w.told(note) : w.toldWhy(note, why) }];
    }),
  );
}

/** "mostly without db, 12 min"; nothing when it was never away. */
export function mostly(one: RehearsedService): string {
  const first = one.reasons[0];
  return first === undefined ? "" : w.mostly(first.text, span(first.ms));
}

export interface Compared {
  what: string;
  before: string;
  /** `null` when nothing is proposed. */
  after: string | null;
  /** The change is one to the better. */
  better: boolean;
}

/** The run as defined beside the one with all that is proposed done. */
export function compared(run: RehearsalRun, mended: RehearsalRun | null): Compared[] {
  const time = (ms: number | null): string => (ms === null ? "–" : span(ms));
  const rows: [string, (of: RehearsalRun) => number | null, (value: number | null) => string, 1 | -1][] = [
    [w.measures.available, (of) => of.availability, (value) => available(value ?? 0), 1],
    [w.measures.halfBack, (of) => of.recovery_p50_ms, time, -1],
    [w.measures.mostBack, (of) => of.recovery_p99_ms, time, -1],
    [w.measures.restarts, (of) => of.restarts, String, -1],
    [w.measures.needless, (of) => of.needless_restarts, String, -1],
    [w.measures.quarantines, (of) => of.quarantines, String, -1],
    [w.measures.helped, (of) => of.helped, String, -1],
  ];
  return rows.map(([what, value, words, good]) => {
    const [before, after] = [value(run), mended === null ? null : value(mended)];
    return { what, before: words(before), after: mended === null ? null : words(after), better: before !== null && after !== null && (after - before) * good > 0 };
  });
}

/** What was rehearsed, in one line. */
export function headline({ run, faults, simulated_ms, seed }: RehearsalReport): string {
  return w.headline(run.services.length, faults, span(simulated_ms), seed);
}
