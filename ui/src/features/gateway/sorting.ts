// In which order routes are shown.

import type { RouteView } from "../../ipc/generated";
import { failedShare, lookOf } from "./looks";

export type Column = "name" | "instances" | "rate" | "errors" | "p50" | "p99";

const TONES = ["bad", "warn", "good"];

/** Of numbers the largest first, of states the worst; among equals by host. */
export function sorted(routes: readonly RouteView[], by: Column, down: boolean): RouteView[] {
  const value = (route: RouteView): number => {
    if (by === "instances") return -TONES.indexOf(lookOf(route).tone);
    if (by === "rate") return route.traffic.per_second;
    if (by === "errors") return failedShare(route.traffic) ?? -1;
    return (by === "p50" ? route.traffic.p50_ms : route.traffic.p99_ms) ?? -1;
  };
  const order = (a: RouteView, b: RouteView): number => (by === "name" ? a.host.localeCompare(b.host) : value(b) - value(a));
  return [...routes].sort((a, b) => (down ? -order(a, b) : order(a, b)) || a.host.localeCompare(b.host));
}
