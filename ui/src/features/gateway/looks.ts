// How the gateway's things look and read, and which of its routes a filter means.

import type { BackendState, BackendView, RouteView, Traffic } from "../../ipc/generated";
import type { Look } from "../health/states";
import { words } from "../../words";

const w = words.gateway;

export const BACKENDS: Record<BackendState, Look> = {
  serving: { word: w.states.serving, shape: "check", tone: "good" },
  ejected: { word: w.states.ejected, shape: "cross", tone: "bad" },
  draining: { word: w.states.draining, shape: "down", tone: "calm" },
  withheld: { word: w.states.withheld, shape: "barred", tone: "held" },
};

/** A route in one look: whether all, some or none of its instances serve. */
export function lookOf(route: RouteView): Look {
  const serving = servingOf(route.backends);
  if (route.unavailable !== null || serving === 0) return { word: w.unavailable, shape: "cross", tone: "bad" };
  const all = route.backends.length;
  const hurt = route.backends.some((each) => each.state === "ejected" || each.state === "withheld");
  if (hurt) return { word: w.serving(serving, all), shape: "triangle", tone: "warn" };
  return { word: w.serving(serving, all), shape: "check", tone: "good" };
}

export function servingOf(backends: readonly BackendView[]): number {
  return backends.filter((each) => each.state === "serving").length;
}

/** Share of the last requests that failed; `null` when there were none. */
export function failedShare(traffic: Traffic): number | null {
  return traffic.per_second === 0 ? null : Math.min(1, traffic.failed_per_second / traffic.per_second);
}

/** Somebody should look at it. */
export function troubled(route: RouteView): boolean {
  return lookOf(route).tone !== "good" || (failedShare(route.traffic) ?? 0) > 0;
}

/** Routes that a text means: by host, path or name. */
export function matching(routes: readonly RouteView[], text: string, troubledOnly: boolean): RouteView[] {
  const wanted = text.trim().toLowerCase();
  return routes.filter((route) => (wanted === "" || route.host.includes(wanted) || route.prefix.includes(wanted)) && (!troubledOnly || troubled(route)));
}

/** The address of a route in a browser: its host at the gateway's port. */
export function urlOf(route: Pick<RouteView, "host">, address: string): string {
  return `http://${route.host}:${portOf(address)}/`;
}

/** The same for a client that knows no names. */
export function pathUrlOf(route: Pick<RouteView, "prefix">, address: string): string {
  return `${address}${route.prefix}/`;
}

function portOf(address: string): string {
  return /:(\d+)\/?$/.exec(address)?.[1] ?? "80";
}

/** All requests and errors of the last seconds together. */
export function together(routes: readonly RouteView[]): { perSecond: number; failedPerSecond: number } {
  let [perSecond, failedPerSecond] = [0, 0];
  for (const { traffic } of routes) {
    perSecond += traffic.per_second;
    failedPerSecond += traffic.failed_per_second;
  }
  return { perSecond, failedPerSecond };
}
