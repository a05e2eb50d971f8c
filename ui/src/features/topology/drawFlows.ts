// Draws what goes through the gateway over the lines of the graph: the more, the wider; near enough, in
// numbers too.

import { SANS } from "../../shared/fonts";
import { latency, rate, share } from "../../shared/format";
import { words } from "../../words";
import type { Box } from "./camera";
import { placesOn, widthOf, type Flows } from "./flows";
import { NODE_HEIGHT, type Layout } from "./layout";
import { CURVED, DETAILED, FAR, radiusAt } from "./levels";
import { measured, type Canvas } from "./measures";
import { corners, outside, trace } from "./route";
import type { Palette } from "./scene";

/** In an incident (`back`) what goes well steps back. */
export function drawFlows(ctx: Canvas, layout: Layout, flows: Flows, part: Box, scale: number, colours: Palette, back: boolean): void {
  if (flows.ends.length === 0) return;
  ctx.lineJoin = ctx.lineCap = "round";
  const calm = back ? 0.25 : 0.55;
  const said: { text: string; points: number[]; failed: boolean }[] = [];
  for (let at = 0; at < flows.ends.length / 2; at += 1) {
    const [from, to] = [flows.ends[at * 2] ?? 0, flows.ends[at * 2 + 1] ?? 0];
    if (outside(layout, from, to, part)) continue;
    const [perSecond, failed, p99] = [flows.numbers[at * 3] ?? 0, flows.numbers[at * 3 + 1] ?? 0, flows.numbers[at * 3 + 2] ?? -1];
    const points = corners(layout, from, to);
    ctx.beginPath();
    trace(ctx, points, radiusAt(scale));
    ctx.strokeStyle = colours[failed > 0 ? "bad-mark" : "accent"];
    // Far out it is a tint of the trunk it runs in; what fails is seen from afar.
    const near = scale >= DETAILED ? 1 : scale < FAR ? 0.3 : 0.45;
    ctx.globalAlpha = (failed > 0 ? 0.85 : calm) * (near < 1 && failed === 0 ? 0.6 : 1);
    ctx.lineWidth = Math.max(1, widthOf(perSecond) * near) / scale;
    ctx.stroke();
    if (scale < DETAILED) continue;
    const more = [failed > 0 ? words.topology.flowFailed(share(failed)) : "", scale >= CURVED && p99 >= 0 ? words.topology.flowP99(latency(p99)) : ""];
    said.push({ text: [rate(perSecond), ...more].filter((each) => each !== "").join(" · "), points, failed: failed > 0 });
  }
  ctx.globalAlpha = 1;
  drawTexts(ctx, layout, said, part, scale, colours);
  ctx.lineCap = "butt";
}

/** Each where it covers no other and no service; what finds no place is in the table. */
function drawTexts(ctx: Canvas, layout: Layout, said: readonly { text: string; points: number[]; failed: boolean }[], part: Box, scale: number, colours: Palette): void {
  const size = 10.5 / scale;
  const high = size * 1.5;
  const taken: Box[] = [];
  for (let at = 0; at < layout.ids.length && said.length > 0; at += 1) {
    taken.push({ x: layout.x[at] ?? 0, y: layout.y[at] ?? 0, width: layout.nodeWidth, height: NODE_HEIGHT });
  }
  ctx.font = `500 ${size}px ${SANS}`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  for (const { text, points, failed } of said) {
    const wide = measured(ctx, text) + size;
    for (const [x, y] of placesOn(points)) {
      const box = { x: x - wide / 2, y: y - high / 2, width: wide, height: high };
      if (!within(box, part) || taken.some((other) => meet(box, other))) continue;
      taken.push(box);
      ctx.beginPath();
      ctx.roundRect(box.x, box.y, box.width, box.height, high / 2);
      ctx.fillStyle = colours["surface"];
      ctx.fill();
      ctx.lineWidth = 1 / scale;
      ctx.strokeStyle = colours[failed ? "bad-mark" : "line-strong"];
      ctx.stroke();
      ctx.fillStyle = colours[failed ? "bad-text" : "text-2"];
      ctx.fillText(text, x, y);
      break;
    }
  }
  ctx.textAlign = "left";
}

function meet(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function within(box: Box, part: Box): boolean {
  return box.x >= part.x && box.y >= part.y && box.x + box.width <= part.x + part.width && box.y + box.height <= part.y + part.height;
}
