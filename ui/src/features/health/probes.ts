// What a service is asked, and what each of its probes said last.

import type { Evidence, ProbeKind, Pulse, ServiceView, Verdict } from "../../ipc/generated";
import { words } from "../../words";
import type { Look } from "./states";

export interface ProbeRow {
  kind: ProbeKind;
  /** "Startup", "Ready", "Health". */
  name: string;
  /** What is asked, in words. */
  asks: string;
  /** What it said last; `null` before it has. */
  said: Evidence | null;
  /** When; `null` where that is not kept. */
  at: number | null;
}

const w = words.health.probes;

export const VERDICTS: Record<Verdict, Look> = {
  pass: { shape: "check", tone: "good", word: w.verdicts.pass },
  warn: { shape: "triangle", tone: "warn", word: w.verdicts.warn },
  fail: { shape: "cross", tone: "bad", word: w.verdicts.fail },
  trouble: { shape: "ring", tone: "calm", word: w.verdicts.trouble },
};

/** One row a probe, in the order in which they are asked. A service with one probe keeps what that saw in `pulse.health`. */
export function probeRows(defined: ServiceView, pulse: Pulse | undefined): ProbeRow[] {
  const asked: [ProbeKind, string | null][] = [["startup", defined.startup], ["ready", defined.ready], ["health", defined.health]];
  const rows = asked.filter((each): each is [ProbeKind, string] => each[1] !== null);
  return rows.map(([kind, asks]) => {
    const seen = pulse?.probes?.find((each) => each.kind === kind);
    const only = rows.length === 1 ? (pulse?.health ?? null) : null;
    return { kind, name: w.kinds[kind], asks, said: seen?.evidence ?? only, at: seen?.at ?? null };
  });
}
