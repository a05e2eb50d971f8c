// A rehearsal of one cluster: what is asked for, how far it is, and what came of the last one. It is kept
// while the page lives, so that a closed panel neither ends it nor loses it.

import type { ClusterId, ClusterView, RehearsalReport, RehearseRequest } from "../../ipc/generated";
import type { Platform } from "../../platform/types";
import { sentence } from "../../shared/doing.svelte";
import { words } from "../../words";

/** As the engine has it, and `azora rehearse`. */
export const MOST_FAULTS = 100_000;

export type Source = "running" | "file";

export interface Result {
  report: RehearsalReport;
  /** So many weaknesses are not in it. */
  leftOut: number;
  source: Source;
}

/** A whole number from a field, or what is wrong with it. */
export function whole(text: string, least: number, most: number): number | string {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < least || value > most) {
    return words.rehearsal.wholeNumber(least, most);
  }
  return value;
}

export class Rehearsal {
  faults = $state("200");
  seed = $state("1");
  source = $state<Source>("running");
  running = $state(false);
  /** From 0 to 1. */
  done = $state(0);
  error = $state<string | null>(null);
  result = $state.raw<Result | null>(null);
  private stop: () => void = () => undefined;

  get plan(): { faults: number | string; seed: number | string } {
    return { faults: whole(this.faults, 1, MOST_FAULTS), seed: whole(this.seed, 0, Number.MAX_SAFE_INTEGER) };
  }

  run(platform: Platform, cluster: ClusterView): void {
    const { faults, seed } = this.plan;
    if (this.running || typeof faults === "string" || typeof seed === "string") return;
    const source = this.source;
    const what: RehearseRequest = source === "running" ? { cluster: cluster.id } : { folder: cluster.folder };
    [this.running, this.done, this.error] = [true, 0, null];
    this.stop = platform.stream(
      "rehearse",
      { ...what, faults, seed },
      (message) => {
        if (message.kind === "progress") {
          this.done = message.done;
          return;
        }
        this.end();
        this.result = { report: message.report, leftOut: message.left_out, source };
      },
      ({ reason }) => {
        this.running = false;
        this.error = sentence(reason);
      },
    );
  }

  /** Closes the stream, which ends the rehearsal. What came of the one before stays. */
  end(): void {
    this.stop();
    this.running = false;
  }
}

const all = new Map<ClusterId, Rehearsal>();

/** Its state is to be read elsewhere than in the derived value that asks: what makes a state is not told of it. */
export function rehearsalOf(cluster: ClusterId): Rehearsal {
  const found = all.get(cluster) ?? new Rehearsal();
  all.set(cluster, found);
  return found;
}
