// How wide texts are on a canvas, and what of a name fits where.

import { fitName } from "./names";

export type Canvas = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** What was measured and fitted is asked for over and over; the caches are dropped when they grow past reason. */
const written = new Map<string, string[]>();
const widths = new Map<string, number>();
const MAX_CACHED = 20_000;

/** The letters are others now. */
export function forgetMeasures(): void {
  written.clear();
  widths.clear();
}

/** How wide a text is in the font that is set. */
export function measured(ctx: Canvas, text: string): number {
  const key = `${ctx.font}|${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    width = ctx.measureText(text).width;
    if (widths.size > MAX_CACHED) widths.clear();
    widths.set(key, width);
  }
  return width;
}

/** What of a name is written in `width`, in at most `most` lines of the font that is set. */
export function fitted(ctx: Canvas, name: string, width: number, most: 1 | 2): string[] {
  if (measured(ctx, name) <= width) return [name];
  const key = `${ctx.font}|${Math.round(width)}|${most}|${name}`;
  const known = written.get(key);
  if (known !== undefined) return known;
  const made = fitName(name, width, most, (text) => measured(ctx, text));
  if (written.size > MAX_CACHED) written.clear();
  written.set(key, made);
  return made;
}
