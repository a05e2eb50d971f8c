// The graph as an image, all of it, as sharp as an image of a sensible size can be.

import { drawWorld } from "../draw";
import type { Canvas } from "../measures";
import { drawHeads, drawNames } from "../heads";
import type { Palette } from "../scene";
import type { Subject } from "./subject";

// In CSS pixels at the scale the image has.
const MARGIN = 16;
const HEAD = 70;
/** Twice the size it has on the screen, unless it would be larger than any viewer is glad of. */
const SHARP = 2;
const MAX_SIDE = 8_192;
const MAX_PIXELS = 32_000_000;

/** How large the image is to be, in pixels, for a world of this size; `scale` is pixels for each unit of the world. */
export function sizeOf(width: number, height: number): { width: number; height: number; scale: number } {
  const [wide, high] = [width + 2 * MARGIN, height + HEAD + MARGIN];
  const scale = Math.min(SHARP, MAX_SIDE / Math.max(wide, high), Math.sqrt(MAX_PIXELS / (wide * high)));
  return { width: Math.max(1, Math.round(wide * scale)), height: Math.max(1, Math.round(high * scale)), scale };
}

/** Draws it; the canvas is as large as `sizeOf` says. */
export function drawAll(ctx: Canvas, { scene, status }: Subject, colours: Palette): void {
  const { layout } = scene;
  const { scale, width, height } = sizeOf(layout.width, layout.height);
  // What is written keeps the size it has beside a service that is drawn at its own; the image is that, enlarged.
  const near = Math.min(1, scale);
  const dpr = scale / near;
  const at = { x: -MARGIN, y: -layout.height - HEAD, scale: near };
  drawWorld(ctx, scene, status, { x: at.x, y: at.y, width: width / scale, height: height / scale }, near, dpr, colours, colours.bg);
  ctx.setTransform(dpr, 0, 0, dpr, 0, 0);
  drawNames(ctx, scene, status, at, height / dpr, colours);
  drawHeads(ctx, scene, status, at, width / dpr, colours);
}
