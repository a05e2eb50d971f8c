// What was tried against an incident: how sure that was to help, and what it came to.

import type { Incident, RemedyOutcome } from "../../ipc/generated";
import type { Shape, Tone } from "../../shared/marks";
import { words } from "../../words";

const w = words.incidents.detail;

type Look = { shape: Shape; tone: Tone };

const LOOKS: Record<RemedyOutcome, Look> = {
  worked: { shape: "tick", tone: "good" },
  did_not_help: { shape: "cross", tone: "bad" },
  unknown: { shape: "dots", tone: "calm" },
};

export type Weighed = { n: number; detail: string; known: string; outcome: string; look: Look };

/** Of all that was tried, what may help; the rest keeps something away, or tidies up. */
export function weighed(incident: Incident): Weighed[] {
  return incident.actions.flatMap(({ detail, cause, confidence, outcome }, n) => {
    if (cause === undefined || confidence === undefined) return [];
    const look = outcome === undefined ? { shape: "turn", tone: "busy" } as const : LOOKS[outcome];
    const came = outcome === undefined ? w.notYetKnown : w.outcomes[outcome];
    return [{ n, detail, known: w.known(confidence, cause), outcome: came, look }];
  });
}
