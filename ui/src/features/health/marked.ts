// What was done to an instance, as marks on its charts: by healing, or by somebody.

import type { Act, ClusterId, InstanceId, Verb } from "../../ipc/generated";
import { actor } from "../activity/describe";

/** Something that was done at a time, in milliseconds. */
export interface Marked {
  at: number;
  text: string;
  by: "healing" | "other";
}

/** What an act came to, in words; none where nothing changes that a chart shows. The engine chooses the same ones. */
const DID: Record<Verb, string | null> = {
  up: "definition applied", down: "cluster taken down", start: "started", stop: "stopped", restart: "restarted", scale: "scaled",
  hold: "healing held", unhold: "hold on healing ended", release: "released from quarantine", rollback: "definition taken back",
  quarantine: "put in quarantine", "emergency-stop": "emergency stop", resume: "brought back",
  register: null, deregister: null, forget: null, attach: null, "test-webhook": null, shutdown: null,
};

/** An act was done by others than healing, to this instance, to its service, to its cluster or to the whole home. */
export function concerns({ target, actor: { kind }, verb }: Act, cluster: ClusterId, instance: InstanceId): boolean {
  const service = instance.slice(0, instance.lastIndexOf("."));
  if (kind === "healer" || DID[verb] === null || (target.cluster ?? cluster) !== cluster) return false;
  return (target.services.length === 0 || target.services.includes(service)) && (target.instance ?? instance) === instance;
}

/** All that was done, oldest first. */
export function marked(marks: readonly (readonly [number, string])[], acts: readonly Act[]): Marked[] {
  const of = (act: Act): Marked => {
    const end = { done: "", pending: ", under way", failed: ", failed", refused: ", refused", overtaken: ", overtaken" }[act.outcome.kind];
    return { at: act.at, text: `${DID[act.verb] ?? act.verb} by ${actor(act)}${end}`, by: "other" };
  };
  return [...marks.map(([at, text]): Marked => ({ at, text, by: "healing" })), ...acts.map(of)].sort((a, b) => a.at - b.at);
}
