// How the lines of an incident's timeline look.

import type { EntryKind, IncidentEntry } from "../../ipc/generated";
import type { Shape, Tone } from "../../shared/marks";
import { words } from "../../words";

const w = words.incidents.entries;

/** In which words, and with which mark: colour is never the only sign. */
export const ENTRIES: Record<EntryKind, { word: string; shape: Shape; tone: Tone }> = {
  probe: { word: w.probe, shape: "triangle", tone: "warn" },
  exit: { word: w.exit, shape: "diamond", tone: "bad" },
  log: { word: w.log, shape: "dots", tone: "calm" },
  opened: { word: w.opened, shape: "cross", tone: "bad" },
  remedy: { word: w.remedy, shape: "turn", tone: "busy" },
  outcome: { word: w.outcome, shape: "target", tone: "busy" },
  hold: { word: w.hold, shape: "barred", tone: "held" },
  circuit: { word: w.circuit, shape: "barred", tone: "held" },
  quarantine: { word: w.quarantine, shape: "barred", tone: "held" },
  release: { word: w.release, shape: "target", tone: "good" },
  impact: { word: w.impact, shape: "triangle", tone: "warn" },
  relief: { word: w.relief, shape: "check", tone: "good" },
  root: { word: w.root, shape: "diamond", tone: "calm" },
  engine: { word: w.engine, shape: "half", tone: "calm" },
  ended: { word: w.ended, shape: "square", tone: "calm" },
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
