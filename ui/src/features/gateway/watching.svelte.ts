// The gateway for pages: one stream for all that look at it, open only as long as somebody does and the page
// is seen. Call `watchGateway` while a component is being made.

import { createSubscriber } from "svelte/reactivity";
import type { Client } from "../../ipc/client";
import type { GatewayEdge, GatewayRequest, GatewayView, RouteView } from "../../ipc/generated";
import { ASLEEP_AFTER_MS } from "../../ipc/sleep";
import { Picture } from "./picture";
import type { Curves } from "./series";

/** Rates and curves go back to what was seen before for so long after nobody looks any more. */
const FORGET_MS = 60_000;

export class Watching {
  private picture = new Picture();
  private problemNow: string | null = null;
  private version = 0;
  private readonly changed: () => void;
  private left = 0;
  private routesMade: { version: number; routes: readonly RouteView[] } | null = null;

  constructor(private readonly client: Client) {
    this.changed = createSubscriber((update) => this.open(update));
  }

  private open(update: () => void): () => void {
    if (Date.now() - this.left > FORGET_MS) this.picture = new Picture();
    let stop: (() => void) | null = null;
    let asleep: ReturnType<typeof setTimeout> | undefined;
    const told = (): void => {
      this.version += 1;
      update();
    };
    const begin = (): void => {
      stop ??= this.client.keep(
        "watch_gateway",
        {},
        () => this.picture.begin(),
        (message) => {
          this.problemNow = null;
          this.picture.take(message);
          told();
        },
        (reason) => {
          this.problemNow = reason;
          told();
        },
      );
    };
    const end = (): void => {
      stop?.();
      stop = null;
    };
    const look = (): void => {
      clearTimeout(asleep);
      if (document.hidden) asleep = setTimeout(end, ASLEEP_AFTER_MS);
      else begin();
    };
    look();
    document.addEventListener("visibilitychange", look);
    return () => {
      clearTimeout(asleep);
      document.removeEventListener("visibilitychange", look);
      end();
      this.left = Date.now();
    };
  }

  /** Something was heard. */
  get heard(): boolean {
    this.changed();
    return this.picture.at > 0;
  }
  /** When it was looked last. */
  get at(): number {
    this.changed();
    return this.picture.at;
  }
  /** Why nothing is heard now; `null` while it is. */
  get problem(): string | null {
    this.changed();
    return this.problemNow;
  }
  /** `null` where it does not run. */
  get view(): Omit<GatewayView, "routes"> | null {
    this.changed();
    return this.picture.view;
  }
  /** By host. */
  get routes(): readonly RouteView[] {
    this.changed();
    if (this.routesMade?.version !== this.version) {
      const routes = [...this.picture.routes.values()].sort((a, b) => a.host.localeCompare(b.host));
      this.routesMade = { version: this.version, routes };
    }
    return this.routesMade.routes;
  }
  route(host: string): RouteView | undefined {
    this.changed();
    return this.picture.routes.get(host);
  }
  curves(host: string): Curves | null {
    this.changed();
    return this.picture.series.get(host)?.columns() ?? null;
  }
  get edges(): readonly GatewayEdge[] {
    this.changed();
    return this.picture.edges;
  }
  /** Oldest first; the same list as long as there is no newer one. */
  get requests(): readonly GatewayRequest[] {
    this.changed();
    return this.picture.requests;
  }
}

const made = new WeakMap<Client, Watching>();

/** The one of this client. */
export function watchGateway(client: Client): Watching {
  let watching = made.get(client);
  if (!watching) made.set(client, (watching = new Watching(client)));
  return watching;
}
