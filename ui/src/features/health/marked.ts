// What was done to an instance, as marks on its charts: by healing, or by somebody.

import type { Act, Change, ClusterId, InstanceId, Verb } from "../../ipc/generated";
import { words } from "../../words";
import { actor } from "../activity/describe";

const w = words.health.marks;

/** Something that was done at a time, in milliseconds. */
export interface Marked {
  at: number;
  text: string;
  by: "healing" | "other";
}

/** Acts by which nothing changes that a chart shows; all others have their words. The engine chooses the same ones. */
const UNMARKED: Record<Exclude<Verb, keyof typeof w.did>, true> = { mute: true, unmute: true, register: true, deregister: true, "write-key": true, forget: true, attach: true, "test-webhook": true, request: true, shutdown: true, approve: true, deny: true, reveal: true, "add-agent": true, "remove-agent": true };
const isMarked = (verb: Verb): verb is keyof typeof w.did => !(verb in UNMARKED);

/** An act was done by others than healing, to this instance, to its service, to its cluster or to the whole home. */
export function concerns({ target, actor: { kind }, verb }: Act, cluster: ClusterId, instance: InstanceId): boolean {
  const service = instance.slice(0, instance.lastIndexOf("."));
  if (kind === "healer" || !isMarked(verb) || (target.cluster ?? cluster) !== cluster) return false;
  return (target.services.length === 0 || target.services.includes(service)) && (target.instance ?? instance) === instance;
}

/** What a change of the feed says was done to the instance: by healing, and by others. Neither in most. */
export function told(change: Change, cluster: ClusterId, instance: InstanceId): { marks: readonly (readonly [number, string])[]; acts: readonly Act[] } {
  const none = { marks: [], acts: [] };
  if (change.kind === "incident") {
    const { incident } = change;
    return incident.cluster === cluster && incident.instance === instance ? { ...none, marks: incident.actions.map(({ at, kind, detail }) => [at, `${kind}: ${detail}`] as const) } : none;
  }
  if (change.kind !== "event" || change.event.what.kind !== "act") return none;
  const { act } = change.event.what;
  return concerns(act, cluster, instance) ? { ...none, acts: [act] } : none;
}

/** All that was done, oldest first. */
export function marked(marks: readonly (readonly [number, string])[], acts: readonly Act[]): Marked[] {
  const of = (act: Act): Marked => {
    const what = isMarked(act.verb) ? w.did[act.verb] : act.verb;
    return { at: act.at, text: w.outcomes[act.outcome.kind](what, actor(act)), by: "other" };
  };
  return [...marks.map(([at, text]): Marked => ({ at, text, by: "healing" })), ...acts.map(of)].sort((a, b) => a.at - b.at);
}
