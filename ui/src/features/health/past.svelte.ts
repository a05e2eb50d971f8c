// How services have been: asked for when somebody looks, and anew when the feed brings news, but not
// oftener than the engine has anything new to say.

import type { ClusterId, ServiceName, ServiceStatus } from "../../ipc/generated";
import type { Client } from "../../ipc/client";
import { sentence } from "../../shared/doing.svelte";

/** The engine writes measurements down four times a minute. */
const FRESH_MS = 15_000;

export class Past {
  /** `null` until the first answer. */
  services = $state.raw<readonly ServiceStatus[] | null>(null);
  problem = $state<string | null>(null);

  /** To be made while a component is: it is asked for as long as that is shown. */
  constructor(client: Client, of: () => { cluster: ClusterId | null; service?: ServiceName }) {
    const cluster = $derived(of().cluster);
    const service = $derived(of().service);
    const pictures = $derived(client.home.pictures);
    $effect(() => {
      // A new snapshot may follow a time in which nothing was heard.
      void pictures;
      this.services = null;
      if (cluster === null) return undefined;
      const request = service === undefined ? { cluster } : { cluster, service };
      let mine = true;
      let last = 0;
      const ask = async (): Promise<void> => {
        last = Date.now();
        try {
          const status = await client.read("system_status", request);
          if (!mine) return;
          this.services = status.clusters[0]?.services ?? [];
          this.problem = null;
        } catch (cause) {
          if (mine) this.problem = sentence(cause);
        }
      };
      void ask();
      const stop = client.live.watch((change) => {
        const news = (change.kind === "pulses" || change.kind === "instances") && change.cluster === request.cluster;
        if (news && Date.now() - last >= FRESH_MS) void ask();
      });
      return () => {
        mine = false;
        stop();
      };
    });
  }
}
