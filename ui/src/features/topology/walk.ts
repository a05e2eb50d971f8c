// Where the arrow keys lead: down to what is needed, up to what needs, sideways along the row.

import { NODE_HEIGHT, type Layout } from "./layout";

export type Direction = "up" | "down" | "left" | "right";

/** The next service from `at`, or `at` itself when there is none that way. */
export function walk(layout: Layout, at: number, way: Direction): number {
  const { x, y, edges } = layout;
  if (way === "left" || way === "right") {
    const sign = way === "right" ? 1 : -1;
    let best = at;
    let nearest = Infinity;
    for (let other = 0; other < layout.ids.length; other += 1) {
      if (Math.abs((y[other] ?? 0) - (y[at] ?? 0)) >= NODE_HEIGHT) continue;
      const gap = ((x[other] ?? 0) - (x[at] ?? 0)) * sign;
      if (gap > 0 && gap < nearest) [best, nearest] = [other, gap];
    }
    return best;
  }
  const ends: number[] = [];
  for (let edge = 0; edge < edges.length; edge += 2) {
    const [from, to] = [edges[edge] ?? 0, edges[edge + 1] ?? 0];
    if (way === "down" && from === at) ends.push(to);
    if (way === "up" && to === at) ends.push(from);
  }
  const far = (other: number): number => Math.hypot((x[other] ?? 0) - (x[at] ?? 0), (y[other] ?? 0) - (y[at] ?? 0));
  return ends.sort((a, b) => far(a) - far(b))[0] ?? at;
}

/** The service under a point of the world; -1 for none. */
export function hit(layout: Layout, px: number, py: number, slack = 0): number {
  for (let at = 0; at < layout.ids.length; at += 1) {
    const [x, y] = [layout.x[at] ?? 0, layout.y[at] ?? 0];
    if (px >= x - slack && px <= x + layout.nodeWidth + slack && py >= y - slack && py <= y + NODE_HEIGHT + slack) return at;
  }
  return -1;
}
