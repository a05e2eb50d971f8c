// Another picture over the same graph: instead of how each service is, what was found out about it.

import type { ServiceName } from "../../ipc/generated";
import type { Look } from "../health/states";

/** What a service can be marked as; the order is that of a lane's tally. */
export const OVERLAY = {
  weak: { word: "Weak spot", many: "weak spots", shape: "triangle", tone: "bad" },
  lower: { word: "Below average", many: "below average", shape: "down", tone: "warn" },
  steady: { word: "Steady", many: "steady", shape: "check", tone: "good" },
  unseen: { word: "Not rehearsed", many: "not rehearsed", shape: "dots", tone: "calm" },
} satisfies Record<string, Look & { many: string }>;

export type OverlayLook = keyof typeof OVERLAY;
export const OVERLAY_LOOKS = Object.keys(OVERLAY) as OverlayLook[];

export interface OverlayMark {
  look: OverlayLook;
  /** A few letters for the picture. */
  note: string;
  /** The same and why, in a sentence without its end. */
  told: string;
}

/** A service that is not in it was not looked at. */
export type Overlay = ReadonlyMap<ServiceName, OverlayMark>;

const UNSEEN: OverlayMark = { look: "unseen", note: OVERLAY.unseen.many, told: "not in the definition that was rehearsed" };

/** What is to be shown of a service: nothing is claimed of one that was not looked at. */
export function markOf(overlay: Overlay, service: ServiceName): OverlayMark {
  return overlay.get(service) ?? UNSEEN;
}

/** How many of the services have which look, in the order of the looks. */
export function tallied(overlay: Overlay, services: readonly ServiceName[]): [OverlayLook, number][] {
  const looks = services.map((service) => markOf(overlay, service).look);
  return OVERLAY_LOOKS.map((look): [OverlayLook, number] => [look, looks.filter((each) => each === look).length]).filter(([, n]) => n > 0);
}
