// Another picture over the same graph: instead of how each service is, what was found out about it.

import type { ServiceName } from "../../ipc/generated";
import { words } from "../../words";
import type { Look } from "../health/states";

const w = words.topology.rehearsed;

/** What a service can be marked as; the order is that of a lane's tally. */
export const OVERLAY = {
  weak: { word: w.weak, counted: w.counts.weak, shape: "triangle", tone: "bad" },
  lower: { word: w.lower, counted: w.counts.lower, shape: "down", tone: "warn" },
  steady: { word: w.steady, counted: w.counts.steady, shape: "check", tone: "good" },
  unseen: { word: w.unseen, counted: w.counts.unseen, shape: "dots", tone: "calm" },
} satisfies Record<string, Look & { counted: (n: number) => string }>;

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

const UNSEEN: OverlayMark = { look: "unseen", note: w.unseenNote, told: w.unseenTold };

/** What is to be shown of a service: nothing is claimed of one that was not looked at. */
export function markOf(overlay: Overlay, service: ServiceName): OverlayMark {
  return overlay.get(service) ?? UNSEEN;
}

/** How many of the services have which look, in the order of the looks. */
export function tallied(overlay: Overlay, services: readonly ServiceName[]): [OverlayLook, number][] {
  const looks = services.map((service) => markOf(overlay, service).look);
  return OVERLAY_LOOKS.map((look): [OverlayLook, number] => [look, looks.filter((each) => each === look).length]).filter(([, n]) => n > 0);
}
