// Which mute is whose. The engine ends them; here they are only looked at.

import type { ClusterId, ClusterView, Mute, ServiceName } from "../../ipc/generated";
import { words } from "../../words";

const w = words.notifications;
const HOUR = 3_600_000;

/** For so long, in milliseconds; empty is until a person ends it. */
export const SPANS: readonly (readonly [value: string, words: string])[] = [
  [String(HOUR), w.hours(1)],
  [String(8 * HOUR), w.hours(8)],
  [String(72 * HOUR), w.days(3)],
  ["", w.untilUnmuted],
];

/** What a request says of a time that was chosen. */
export function lasting(span: string): { span_ms: number } | Record<string, never> {
  return span === "" ? {} : { span_ms: Number(span) };
}

/** It is about exactly these; `null` is all of them. */
export function isOf(mute: Mute, cluster: ClusterId | null, service: ServiceName | null): boolean {
  return mute.cluster === cluster && mute.service === service;
}

/** Of the mutes that cover a service, or a whole cluster, or everything, the one that lasts longest. */
export function longest(mutes: readonly Mute[], cluster: ClusterId | null, service: ServiceName | null): Mute | null {
  const covering = mutes.filter((each) => (each.cluster ?? cluster) === cluster && (each.service ?? service) === service);
  const end = (mute: Mute): number => mute.until ?? Infinity;
  return covering.reduce<Mute | null>((best, each) => (best !== null && end(best) >= end(each) ? best : each), null);
}

/** What is muted, as one says it: "everything", "shop", "api of shop". Who has no name here is said by its id. */
export function whom(mute: Mute, clusters: readonly ClusterView[]): string {
  if (mute.cluster === null) return w.everything;
  const named = clusters.find((each) => each.id === mute.cluster);
  const twice = clusters.filter((each) => each.name === named?.name).length > 1;
  const cluster = named === undefined || twice ? mute.cluster : named.name;
  return mute.service === null ? cluster : w.serviceOf(mute.service, cluster);
}
