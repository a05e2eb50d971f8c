// How long an incident took: one truth, the same as the command line's TOOK and what `service_healed` says.

import type { Incident } from "../../ipc/generated";

/** From when its fault began, which is before it was detected, to its end, in ms; `null` when it has no end. */
export function lasted({ duration_ms, detect_ms }: Pick<Incident, "duration_ms" | "detect_ms">): number | null {
  return duration_ms === null ? null : duration_ms + (detect_ms ?? 0);
}
