// How many of some instances are as they should be.

import type { InstanceStatus } from "../../ipc/generated";

/** Of those that are to run, as the engine counts: one that rests was not asked for, or a person has stopped it. */
export function counted(instances: Iterable<Pick<InstanceStatus, "state">>): { well: number; all: number } {
  let [well, all] = [0, 0];
  for (const { state } of instances) {
    if (state === "stopped") continue;
    all += 1;
    if (state === "ready" || state === "completed" || state === "scheduled") well += 1;
  }
  return { well, all };
}
