// What is drawn: places that seldom change (`Scene`), and looks that change with every state (`Status`).
// Plain data that can be sent to a worker.

import { TONES, type Shape, type Tone } from "../../shared/marks";
import { BY_SEVERITY, STATES } from "../health/states";
import { NO_FLOWS, type Flows } from "./flows";
import type { Layout } from "./layout";
import { OVERLAY, OVERLAY_LOOKS } from "./overlay";

export interface Scene {
  layout: Layout;
  /** Pairs of indices, as the layout's edges: seen in the sockets and not declared. */
  seen: Int32Array;
}

/** How much a service is to stand out. */
export const NORMAL = 0;
/** The root cause of an open incident, or a weak spot. */
export const ROOT = 1;
/** Suffers from one. */
export const IMPACTED = 2;
/** Steps back. */
export const BACK = 3;

/** By the layout's index. */
export interface Status {
  /** Index into `LOOKS`. */
  state: Uint8Array;
  emphasis: Uint8Array;
  replicas: Uint8Array;
  /** First port; 0 for none. */
  port: Uint16Array;
  /** Last latency in ms; below zero when not known. */
  latency: Float32Array;
  held: Uint8Array;
  /** Said of each instead of its state, port and latency; empty while there is no overlay. */
  note: readonly string[];
  /** `SAMPLES` latencies each, oldest first, below zero where there is none; empty while too far out to be seen. */
  samples: Float32Array;
  /** What goes through the gateway; none while there is an overlay. */
  flows: Flows;
}

export const SAMPLES = 24;

/** Colours of the theme that shows, by token. */
export type Palette = Record<(typeof COLOURS)[number], string>;

export const COLOURS = [
  "bg", "surface", "sunken", "line", "line-strong", "text", "text-2", "text-3", "accent", "focus",
  ...TONES.flatMap((tone) => [`${tone}-mark`, `${tone}-soft`, `${tone}-text`] as const),
] as const;

/** Looks by index, made once: the states, worst first, then those of an overlay. */
export const LOOKS: readonly { word: string; shape: Shape; tone: Tone }[] = [...BY_SEVERITY.map((state) => STATES[state]), ...OVERLAY_LOOKS.map((look) => OVERLAY[look])];

export function blankStatus(count: number): Status {
  return {
    state: new Uint8Array(count),
    emphasis: new Uint8Array(count),
    replicas: new Uint8Array(count).fill(1),
    port: new Uint16Array(count),
    latency: new Float32Array(count).fill(-1),
    held: new Uint8Array(count),
    note: [],
    samples: new Float32Array(0),
    flows: NO_FLOWS,
  };
}
