// How the lines of an incident's timeline look.

import type { EntryKind, IncidentEntry } from "../../ipc/generated";
import type { Shape, Tone } from "../../shared/marks";

/** In which words, and with which mark: colour is never the only sign. */
export const ENTRIES: Record<EntryKind, { word: string; shape: Shape; tone: Tone }> = {
  probe: { word: "Probe", shape: "triangle", tone: "warn" },
  exit: { word: "Ended", shape: "diamond", tone: "bad" },
  log: { word: "It wrote", shape: "dots", tone: "calm" },
  opened: { word: "Detected", shape: "cross", tone: "bad" },
  remedy: { word: "Remedy", shape: "turn", tone: "busy" },
  outcome: { word: "Outcome", shape: "target", tone: "busy" },
  hold: { word: "Hold", shape: "barred", tone: "held" },
  circuit: { word: "Circuit", shape: "barred", tone: "held" },
  quarantine: { word: "Quarantine", shape: "barred", tone: "held" },
  release: { word: "Released", shape: "target", tone: "good" },
  impact: { word: "Impact", shape: "triangle", tone: "warn" },
  relief: { word: "Relief", shape: "check", tone: "good" },
  root: { word: "Cause", shape: "diamond", tone: "calm" },
  engine: { word: "Engine", shape: "half", tone: "calm" },
  ended: { word: "Closed", shape: "square", tone: "calm" },
};

/** A line of a timeline, or a gap: so many are not kept. */
export type Row = { entry: IncidentEntry } | { missing: number; n: number };

/**
 * The lines, with the gaps between them said. What a service had written is read when it has failed, and stands where
 * it was written; all else stays in the order in which it was noted, whatever the clock did.
 */
export function rows(entries: readonly IncidentEntry[]): Row[] {
  const all: Row[] = [];
  let next = 1;
  for (const entry of entries) {
    if (entry.n > next) all.push({ missing: entry.n - next, n: next });
    next = entry.n + 1;
    let place = all.length;
    if (entry.kind === "log") while (place > 0 && later(all[place - 1], entry)) place -= 1;
    all.splice(place, 0, { entry });
  }
  return all;
}

function later(row: Row | undefined, entry: IncidentEntry): boolean {
  return row !== undefined && "entry" in row && row.entry.at > entry.at;
}
