// What goes through the gateway, as the graph shows it: along the lines where it is known who asks, at the
// services where it is not.

import type { ClusterId, GatewayEdge, RouteView, ServiceName, Traffic } from "../../ipc/generated";

/** Requests of the last seconds. */
export interface Flow {
  perSecond: number;
  /** Share of them that failed, 0 to 1. */
  failed: number;
  /** All but one of a hundred took no longer; `null` when not known. */
  p99: number | null;
}

/** Of one cluster. */
export interface Traffics {
  /** All that comes to a service, from wherever. */
  services: ReadonlyMap<ServiceName, Flow>;
  /** From whom to whom, where that is known; the busiest first. */
  edges: readonly { from: ServiceName; to: ServiceName; flow: Flow }[];
}

export const NO_TRAFFIC: Traffics = { services: new Map(), edges: [] };

function flowOf({ per_second, failed_per_second, p99_ms }: Traffic): Flow {
  return { perSecond: per_second, failed: per_second === 0 ? 0 : Math.min(1, failed_per_second / per_second), p99: p99_ms };
}

/** Only where something goes: a line that rests is a line like any other. */
export function trafficOf(cluster: ClusterId, routes: readonly RouteView[], edges: readonly GatewayEdge[]): Traffics {
  const services = new Map<ServiceName, Flow>();
  const names = new Map<string, ServiceName>();
  for (const route of routes) {
    if (route.cluster !== cluster) continue;
    names.set(route.host, route.name);
    if (route.traffic.per_second > 0) services.set(route.name, flowOf(route.traffic));
  }
  const found = edges.flatMap(({ cluster: of, caller, host, traffic }) => {
    const to = names.get(host);
    return of !== cluster || to === undefined || to === caller || traffic.per_second === 0 ? [] : [{ from: caller, to, flow: flowOf(traffic) }];
  });
  found.sort((a, b) => b.flow.perSecond - a.flow.perSecond);
  return { services, edges: found };
}

/** As the drawing takes it, by the layout's indices. */
export interface Flows {
  /** Pairs of indices: from whom, to whom. */
  ends: Int32Array;
  /** Requests a second, share that failed and p99 (below zero when not known) of each pair. */
  numbers: Float32Array;
  /** Requests a second to each service; 0 for none. */
  services: Float32Array;
}

export const NO_FLOWS: Flows = { ends: new Int32Array(0), numbers: new Float32Array(0), services: new Float32Array(0) };

export function flowsOf(ids: readonly ServiceName[], { services, edges }: Traffics): Flows {
  if (services.size === 0 && edges.length === 0) return NO_FLOWS;
  const indexOf = new Map(ids.map((id, at) => [id, at]));
  const known = edges.filter(({ from, to }) => indexOf.has(from) && indexOf.has(to));
  return {
    ends: Int32Array.from(known.flatMap(({ from, to }) => [indexOf.get(from) ?? 0, indexOf.get(to) ?? 0])),
    numbers: Float32Array.from(known.flatMap(({ flow }) => [flow.perSecond, flow.failed, flow.p99 ?? -1])),
    services: Float32Array.from(ids, (id) => services.get(id)?.perSecond ?? 0),
  };
}

/** How wide a line is for so many requests a second, in CSS pixels: ten times as many are one step more. */
export function widthOf(perSecond: number): number {
  return Math.min(6.5, 1.4 + Math.log10(1 + perSecond) * 1.5);
}

/** Where a text may stand on a line: points along it, the middle first. */
export function placesOn(points: readonly number[]): [number, number][] {
  const lengths: number[] = [];
  let whole = 0;
  for (let at = 2; at < points.length; at += 2) {
    const length = Math.hypot((points[at] ?? 0) - (points[at - 2] ?? 0), (points[at + 1] ?? 0) - (points[at - 1] ?? 0));
    lengths.push(length);
    whole += length;
  }
  return [0.5, 0.35, 0.65, 0.2, 0.8].map((share) => {
    let rest = whole * share;
    for (const [nth, length] of lengths.entries()) {
      if (rest <= length && length > 0) {
        const [x, y, nextX, nextY] = [points[nth * 2] ?? 0, points[nth * 2 + 1] ?? 0, points[nth * 2 + 2] ?? 0, points[nth * 2 + 3] ?? 0];
        return [x + ((nextX - x) * rest) / length, y + ((nextY - y) * rest) / length];
      }
      rest -= length;
    }
    return [points[0] ?? 0, points[1] ?? 0];
  });
}
