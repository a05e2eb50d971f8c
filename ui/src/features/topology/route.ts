// The way of a line: down the gaps between rows and columns, never across a service. Lines to the same
// service run together, so a thousand of them are a few trunks and not a web.

import type { Box } from "./camera";
import { GAP_X, NODE_HEIGHT, type Layout } from "./layout";

/** What a line can be drawn on: a canvas, a `Path2D`, or the text of an SVG path. */
export interface Pen {
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  quadraticCurveTo(cx: number, cy: number, x: number, y: number): void;
}

/** Lines to different services keep apart within a gap: so many tracks, this far from each other. */
const TRACKS = 5;
const TRACK = 1.6;

/** The corners of the line from one service to another, as pairs of coordinates. */
export function corners(layout: Layout, from: number, to: number): number[] {
  const { x, y, row, nodeWidth, step } = layout;
  const [x1, x2] = [(x[from] ?? 0) + nodeWidth / 2, (x[to] ?? 0) + nodeWidth / 2];
  const [y1, y2] = [y[from] ?? 0, y[to] ?? 0];
  const drop = (row[from] ?? 0) - (row[to] ?? 0);
  const gap = step - NODE_HEIGHT;
  const track = ((to % TRACKS) - (TRACKS - 1) / 2) * TRACK;
  if (drop === 0) {
    const under = y1 + NODE_HEIGHT + gap / 2 + track;
    return [x1, y1 + NODE_HEIGHT, x1, under, x2, under, x2, y2 + NODE_HEIGHT];
  }
  // Down from its lower edge into the upper one, or up from its upper edge into the lower one.
  const down = drop > 0;
  const [start, end] = down ? [y1 + NODE_HEIGHT, y2] : [y1, y2 + NODE_HEIGHT];
  const side = down ? 1 : -1;
  const leave = start + (side * gap) / 2 + track;
  const arrive = end - (side * gap) / 2 + track;
  if (Math.abs(drop) === 1) return x1 === x2 ? [x1, start, x2, end] : [x1, start, x1, arrive, x2, arrive, x2, end];
  const beside = x1 < x2 || (x1 === x2 && to % 2 === 0) ? (x[to] ?? 0) - GAP_X / 2 : (x[to] ?? 0) + nodeWidth + GAP_X / 2;
  const channel = beside + track;
  return [x1, start, x1, leave, channel, leave, channel, arrive, x2, arrive, x2, end];
}

/** Draws a line with its corners rounded by `radius`. */
export function trace(pen: Pen, points: readonly number[], radius: number): void {
  const last = points.length - 2;
  pen.moveTo(points[0] ?? 0, points[1] ?? 0);
  for (let at = 2; at < last; at += 2) {
    const [x, y] = [points[at] ?? 0, points[at + 1] ?? 0];
    if (radius === 0) {
      pen.lineTo(x, y);
      continue;
    }
    const [fromX, fromY, toX, toY] = [points[at - 2] ?? 0, points[at - 1] ?? 0, points[at + 2] ?? 0, points[at + 3] ?? 0];
    const [back, on] = [Math.hypot(x - fromX, y - fromY), Math.hypot(toX - x, toY - y)];
    const bend = Math.min(radius, back / 2, on / 2);
    if (bend <= 0) continue;
    pen.lineTo(x + ((fromX - x) / back) * bend, y + ((fromY - y) / back) * bend);
    pen.quadraticCurveTo(x, y, x + ((toX - x) / on) * bend, y + ((toY - y) / on) * bend);
  }
  pen.lineTo(points[last] ?? 0, points[last + 1] ?? 0);
}

/** A line between two services has nothing to show in this part of the world. */
export function outside({ x, y, nodeWidth }: Layout, from: number, to: number, part: Box): boolean {
  const [x1, x2, y1, y2] = [x[from] ?? 0, x[to] ?? 0, y[from] ?? 0, y[to] ?? 0];
  // A line may pass by its ends in the gaps beside them.
  const around = 2 * GAP_X;
  return (
    Math.max(x1, x2) + nodeWidth + around < part.x || Math.min(x1, x2) - around > part.x + part.width ||
    Math.max(y1, y2) + NODE_HEIGHT + around < part.y || Math.min(y1, y2) - around > part.y + part.height
  );
}
