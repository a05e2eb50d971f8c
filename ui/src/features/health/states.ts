// How states look and read: a word, a shape and a tone. The shape alone tells them apart.

import type { IncidentState, Overall, State } from "../../ipc/generated";
import type { Shape, Tone } from "../../shared/marks";
import { words } from "../../words";

export interface Look {
  word: string;
  shape: Shape;
  tone: Tone;
}

export const STATES: Record<State, Look> = {
  failing: { word: words.states.service.failing, shape: "cross", tone: "bad" },
  quarantined: { word: words.states.service.quarantined, shape: "barred", tone: "held" },
  recovering: { word: words.states.service.recovering, shape: "turn", tone: "busy" },
  degraded: { word: words.states.service.degraded, shape: "triangle", tone: "warn" },
  starting: { word: words.states.service.starting, shape: "half", tone: "busy" },
  running: { word: words.states.service.running, shape: "target", tone: "busy" },
  waiting: { word: words.states.service.waiting, shape: "dots", tone: "calm" },
  stopping: { word: words.states.service.stopping, shape: "down", tone: "calm" },
  stopped: { word: words.states.service.stopped, shape: "square", tone: "calm" },
  scheduled: { word: words.states.service.scheduled, shape: "clock", tone: "calm" },
  completed: { word: words.states.service.completed, shape: "tick", tone: "good" },
  ready: { word: words.states.service.ready, shape: "check", tone: "good" },
};

/** The worse, the taller, from 0 to 1: bands and strips are read without their colours too. */
export const LEVEL: Record<State, number> = {
  ready: 0.3, completed: 0.3, scheduled: 0.15, stopped: 0.15, waiting: 0.45, starting: 0.45, running: 0.45, stopping: 0.45,
  degraded: 0.65, recovering: 0.8, quarantined: 1, failing: 1,
};

/** All states, worst first. */
export const BY_SEVERITY = Object.keys(STATES) as State[];

const RANK = new Map(BY_SEVERITY.map((state, rank) => [state, rank]));

/** Below zero when `a` is worse than `b`. */
export function compareStates(a: State, b: State): number {
  return (RANK.get(a) ?? 0) - (RANK.get(b) ?? 0);
}

/** The worst of some states; "stopped" of none. */
export function worst(states: Iterable<State>): State {
  let found: State | null = null;
  for (const state of states) if (found === null || compareStates(state, found) < 0) found = state;
  return found ?? "stopped";
}

export const OVERALL: Record<Overall, Look> = {
  operational: { word: words.states.overall.operational, shape: "check", tone: "good" },
  starting: { word: words.states.overall.starting, shape: "half", tone: "busy" },
  degraded: { word: words.states.overall.degraded, shape: "triangle", tone: "warn" },
  critical: { word: words.states.overall.critical, shape: "cross", tone: "bad" },
  stopped: { word: words.states.overall.stopped, shape: "square", tone: "calm" },
};

export const INCIDENTS: Record<IncidentState, Look> = {
  open: { word: words.states.incident.open, shape: "cross", tone: "bad" },
  quarantined: { word: words.states.incident.quarantined, shape: "barred", tone: "held" },
  resolved: { word: words.states.incident.resolved, shape: "check", tone: "good" },
  closed: { word: words.states.incident.closed, shape: "square", tone: "calm" },
};
