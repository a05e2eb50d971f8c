// What a rehearsal came to, as people read it: which services are weak spots, what did harm and how much,
// and the two runs side by side.

import type { RehearsalReport, RehearsalRun, RehearsedService, Weakness, WeaknessKind } from "../../ipc/generated";
import { available, count, span } from "../../shared/format";
import type { Overlay, OverlayLook, OverlayMark } from "../topology/overlay";

/** A weakness in two or three words, and whether its harm is counted in times rather than milliseconds. */
export const KINDS: Record<WeaknessKind, { title: string; times: boolean }> = {
  no_readiness: { title: "No readiness", times: true },
  no_health: { title: "No health probe", times: false },
  shallow_health: { title: "Only asked for a connection", times: false },
  slow_health: { title: "Seldom asked", times: false },
  touchy_health: { title: "One lost answer restarts it", times: true },
  short_timeout: { title: "Short timeout", times: true },
  short_patience: { title: "Little patience with its start", times: true },
  small_budget: { title: "Small restart budget", times: false },
  long_backoff: { title: "Long backoff", times: false },
  no_healing: { title: "Healing may not act", times: false },
  protected: { title: "Protected", times: false },
  undeclared_need: { title: "Undeclared need", times: true },
  need_without_restart: { title: "Need without restart", times: false },
};

/** "20 min", "3 times". */
function amount(kind: WeaknessKind, harm: number): string {
  if (!KINDS[kind].times) return span(harm);
  return harm === 1 ? "once" : harm === 2 ? "twice" : harm === 0 ? "never" : `${harm} times`;
}

/** What it did, and what is left of that with all that is proposed done: "20 min, then 22 s". */
export function harm({ kind, harm, harm_after, proposal }: Weakness): { before: string; after: string | null } {
  return { before: amount(kind, harm), after: proposal === undefined ? null : harm_after === 0 && !KINDS[kind].times ? "none" : amount(kind, harm_after) };
}

/** What is to be written, as it stands in the file. */
export function proposed({ proposal }: Weakness): string | null {
  return proposal === undefined ? null : `[${proposal.table}]\n${proposal.line}`;
}

/** Why there was nothing to rehearse, as `azora rehearse` says it; `null` when there was. */
export function nothing({ run, faults }: RehearsalReport): string | null {
  if (faults > 0) return null;
  const all = run.services.length;
  return `Nothing to rehearse: faults are given to services that go on running, and ${all === 1 ? "its only one is a oneshot" : `all ${all} are oneshots`}.`;
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
      const why = found ? `weak spot: ${found.map((each) => KINDS[each.kind].title.toLowerCase()).join(", ")}` : mostly(one);
      return [one.service, { look, note, told: `available ${note} in rehearsal${why === "" ? "" : `, ${why}`}` }];
    }),
  );
}

/** "mostly without db, 12 min"; nothing when it was never away. */
export function mostly(one: RehearsedService): string {
  const first = one.reasons[0];
  return first === undefined ? "" : `mostly ${first.text}, ${span(first.ms)}`;
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
    ["Available, on average", (of) => of.availability, (value) => available(value ?? 0), 1],
    ["Back in, half of the times", (of) => of.recovery_p50_ms, time, -1],
    ["Back in, 99 of 100 times", (of) => of.recovery_p99_ms, time, -1],
    ["Automatic restarts", (of) => of.restarts, String, -1],
    ["Of what had no fault", (of) => of.needless_restarts, String, -1],
    ["Quarantines", (of) => of.quarantines, String, -1],
    ["Times a person had to help", (of) => of.helped, String, -1],
  ];
  return rows.map(([what, value, words, good]) => {
    const [before, after] = [value(run), mended === null ? null : value(mended)];
    return { what, before: words(before), after: mended === null ? null : words(after), better: before !== null && after !== null && (after - before) * good > 0 };
  });
}

/** What was rehearsed, in one line. */
export function headline({ run, faults, simulated_ms, seed }: RehearsalReport): string {
  return `${count(run.services.length, "service")} against ${count(faults, "fault")} in ${span(simulated_ms)} of simulated time, seed ${seed}`;
}
