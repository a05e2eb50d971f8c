// The gateway as its stream draws it: all of it once, then what changed. Plain data, no host, no framework.

import type { GatewayEdge, GatewayMessage, GatewayRequest, GatewayView, RouteView } from "../../ipc/generated";
import { Series } from "./series";

/** Requests kept in the page: so many a person scrolls through, and no more. */
export const MAX_REQUESTS = 2_000;

export class Picture {
  /** When it was looked last; 0 before anything was heard. */
  at = 0;
  /** The gateway without its routes; `null` where it does not run. */
  view: Omit<GatewayView, "routes"> | null = null;
  readonly routes = new Map<string, RouteView>();
  readonly series = new Map<string, Series>();
  edges: readonly GatewayEdge[] = [];
  /** Oldest first. */
  requests: GatewayRequest[] = [];

  /** The stream begins anew: all of it is told again. Curves and requests stay, where they go on. */
  begin(): void {
    this.routes.clear();
  }

  take(message: GatewayMessage): void {
    const { at, gateway, gone, edges, requests } = message;
    this.at = at;
    this.edges = edges;
    this.view = gateway;
    for (const host of gone) this.routes.delete(host);
    for (const route of gateway?.routes ?? []) this.routes.set(route.host, route);
    for (const host of this.series.keys()) if (!this.routes.has(host)) this.series.delete(host);
    for (const [host, route] of this.routes) {
      let series = this.series.get(host);
      if (!series) this.series.set(host, (series = new Series()));
      series.add(at, route.traffic);
    }
    this.add(requests);
  }

  private add(requests: readonly GatewayRequest[]): void {
    const last = this.requests.at(-1)?.seq ?? 0;
    // One that has started anew counts anew.
    if ((requests.at(-1)?.seq ?? Infinity) < last) this.requests = [];
    const known = this.requests.at(-1)?.seq ?? 0;
    if (requests.length > 0) this.requests = [...this.requests, ...requests.filter((each) => each.seq > known)].slice(-MAX_REQUESTS);
  }
}
