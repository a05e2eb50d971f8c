// Where the keys lead: down to what is needed, up to what needs, sideways to the others at the end of the lines
// one came along, or along the row.

import { NODE_HEIGHT, type Layout } from "./layout";

export type Direction = "up" | "down" | "left" | "right";

/** Where a person is, by index, and the lines they came along. */
export interface Place {
  at: number;
  /** The last step along a line: from where, which way, and all that it could have led to. */
  came: { from: number; way: "up" | "down"; ends: readonly number[]; before: Place } | null;
}

export function standing(at: number): Place {
  return { at, came: null };
}

/** The next place that way; the same one when there is none. */
export function walk(layout: Layout, place: Place, way: Direction): Place {
  const { at, came } = place;
  if (way === "up" || way === "down") {
    const ends = endsOf(layout, at, way);
    const next = nearest(layout, at, ends);
    return next === at ? place : { at: next, came: { from: at, way, ends, before: place } };
  }
  const by = way === "right" ? 1 : -1;
  if (came && came.ends.length > 1) {
    const next = came.ends[came.ends.indexOf(at) + by];
    return next === undefined ? place : { at: next, came };
  }
  const next = besides(layout, at, by);
  return next === at ? place : standing(next);
}

/** Back along the line one came by. */
export function back(place: Place): Place {
  return place.came?.before ?? place;
}

/** All that a service needs, or that needs it, from left to right. */
export function endsOf({ edges, x, y }: Layout, at: number, way: "up" | "down"): number[] {
  const ends: number[] = [];
  for (let edge = 0; edge < edges.length; edge += 2) {
    const [from, to] = [edges[edge] ?? 0, edges[edge + 1] ?? 0];
    if (way === "down" && from === at) ends.push(to);
    if (way === "up" && to === at) ends.push(from);
  }
  return ends.sort((a, b) => (x[a] ?? 0) - (x[b] ?? 0) || (y[a] ?? 0) - (y[b] ?? 0));
}

function nearest({ x, y }: Layout, at: number, of: readonly number[]): number {
  const far = (other: number): number => Math.hypot((x[other] ?? 0) - (x[at] ?? 0), (y[other] ?? 0) - (y[at] ?? 0));
  return of.reduce((best, other) => (best === at || far(other) < far(best) ? other : best), at);
}

function besides({ ids, x, y }: Layout, at: number, by: 1 | -1): number {
  let best = at;
  let nearest = Infinity;
  for (let other = 0; other < ids.length; other += 1) {
    if (Math.abs((y[other] ?? 0) - (y[at] ?? 0)) >= NODE_HEIGHT) continue;
    const gap = ((x[other] ?? 0) - (x[at] ?? 0)) * by;
    if (gap > 0 && gap < nearest) [best, nearest] = [other, gap];
  }
  return best;
}

/** The service under a point of the world; -1 for none. */
export function hit(layout: Layout, px: number, py: number, slack = 0): number {
  for (let at = 0; at < layout.ids.length; at += 1) {
    const [x, y] = [layout.x[at] ?? 0, layout.y[at] ?? 0];
    if (px >= x - slack && px <= x + layout.nodeWidth + slack && py >= y - slack && py <= y + NODE_HEIGHT + slack) return at;
  }
  return -1;
}
