// The last latencies of each service, for its curve: what the engine kept, carried on by the live rows.

import type { Latencies, ServiceName } from "../../ipc/generated";
import type { Layout } from "./layout";
import { SAMPLES } from "./scene";

/** Below zero where none passed. As exact as what is drawn, so that the engine's and the feed's are the same. */
type Ring = number[];
const sample = (ms: number | null): number => Math.fround(ms ?? -1);

export class Samples {
  private rings = new Map<ServiceName, Ring>();
  /** What has come since the engine was asked for what was before. */
  private came: Map<ServiceName, Ring> | null = null;

  push(name: ServiceName, ms: number | null): void {
    for (const rings of [this.rings, this.came]) {
      if (rings === null) continue;
      const ring = rings.get(name) ?? [];
      if (ring.length === 0) rings.set(name, ring);
      // The live rows come again for every change in the cluster; only a new probe is a new point.
      add(ring, sample(ms));
    }
  }

  /** Another cluster is looked at. */
  clear(): void {
    this.rings = new Map();
    this.came = null;
  }

  /** The engine is asked for what was before. Returns what takes its answer, unless it was asked again or for another. */
  asking(): (before: Latencies["services"]) => void {
    const came = new Map<ServiceName, Ring>();
    this.came = came;
    return (before) => {
      if (this.came !== came) return;
      this.came = null;
      for (const [name, all] of Object.entries(before)) {
        const ring: Ring = [];
        for (const ms of all) add(ring, sample(ms));
        const after = came.get(name) ?? [];
        // The answer may know some of what has come already.
        let known = Math.min(ring.length, after.length);
        while (known > 0 && ring.slice(-known).some((ms, at) => ms !== after[at])) known -= 1;
        for (const ms of after.slice(known)) add(ring, ms);
        this.rings.set(name, ring);
      }
    };
  }

  fill(layout: Layout): Float32Array {
    const all = new Float32Array(layout.ids.length * SAMPLES).fill(-1);
    layout.ids.forEach((id, at) => {
      const ring = this.rings.get(id) ?? [];
      ring.forEach((ms, nth) => {
        all[at * SAMPLES + SAMPLES - ring.length + nth] = ms;
      });
    });
    return all;
  }
}

function add(ring: Ring, ms: number): void {
  if (ring.at(-1) === ms) return;
  ring.push(ms);
  if (ring.length > SAMPLES) ring.shift();
}
