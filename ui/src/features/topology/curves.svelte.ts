// The curves of a cluster's latencies: the engine is asked once for those of all services, when somebody is near enough
// to see one or takes the picture along; then the live rows carry them on.

import { untrack } from "svelte";
import type { Client } from "../../ipc/client";
import type { ClusterId } from "../../ipc/generated";
import type { ServiceRow } from "../services/rows";
import type { Layout } from "./layout";
import { Samples } from "./samples";
import { SAMPLES } from "./scene";

export class Curves {
  private readonly samples = new Samples();
  /** Counts what the engine has said. */
  private told = $state(0);
  /** What was before is being asked for, or there. */
  private asked: Promise<void> | null = null;
  private readonly cluster: () => ClusterId;

  /** To be made while a component is: it goes on for as long as that is shown. */
  constructor(
    private readonly client: Client,
    of: () => { cluster: ClusterId; rows: readonly ServiceRow[]; near: boolean },
  ) {
    const cluster = $derived(of().cluster);
    const near = $derived(of().near);
    const rows = $derived(of().rows);
    // A new snapshot may follow a time in which nothing was heard.
    const pictures = $derived(client.home.pictures);
    this.cluster = () => cluster;
    // In this order: a service of the same name in another cluster is another.
    $effect(() => {
      void cluster;
      this.samples.clear();
    });
    $effect(() => {
      void [cluster, pictures];
      this.asked = null;
    });
    $effect(() => {
      void [cluster, pictures];
      if (near) untrack(() => void this.ask());
    });
    $effect(() => {
      for (const row of rows) this.samples.push(row.name, row.latencyMs);
    });
  }

  /** All services in one question; settles when they are known, or cannot be. */
  ask(): Promise<void> {
    if (this.asked !== null) return this.asked;
    const take = this.samples.asking();
    const asked = this.client.read("latencies", { cluster: this.cluster(), most: SAMPLES });
    return (this.asked = asked.then(
      ({ services }) => {
        take(services);
        this.told += 1;
      },
      // A curve that begins now is no fault worth a word.
      () => undefined,
    ));
  }

  /** `SAMPLES` of each service of the layout. Read in an effect, it runs again when the engine has said more. */
  fill(layout: Layout): Float32Array {
    void this.told;
    return this.samples.fill(layout);
  }
}
