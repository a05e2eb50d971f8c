// Draws a part of the world onto a canvas, in the page or in a worker. The farther out, the less of each
// service: a chip in its tone, then its name, then state, port, latency and its curve.

import { SANS } from "../../shared/fonts";
import { latency, rate } from "../../shared/format";
import { SHAPES, type Shape } from "../../shared/marks";
import { words } from "../../words";
import type { Box } from "./camera";
import { drawFlows } from "./drawFlows";
import { NODE_HEIGHT, type Layout } from "./layout";
import { CURVED, DETAILED, FAR, MANY, NAMED, radiusAt } from "./levels";
import { fitted, measured, type Canvas } from "./measures";
import { corners, outside, trace, type Pen } from "./route";
import { BACK, IMPACTED, LOOKS, ROOT, SAMPLES, type Palette, type Scene, type Status } from "./scene";

/** From this width its name has room for a mark and some weight. */
const ROOMY = 140;
/** Text on screen is never smaller than this, in CSS pixels; where a name takes two lines, a little. */
const SMALLEST = 9.5;
const SMALLER = 9;
/** From this height of a service on screen its name may take two lines. */
const TWO_LINES = 17;

const BACK_ALPHA = 0.45;

const paths = new Map<Shape, Path2D>();
function path(shape: Shape): Path2D {
  let found = paths.get(shape);
  if (!found) paths.set(shape, (found = new Path2D(SHAPES[shape])));
  return found;
}

/**
 * Draws what lies in `part` of the world, on `ground` or on nothing; the canvas is `part` times `scale` large, in CSS
 * pixels. The lines of the service `shown` and who is at their ends stand out; -1 for none.
 */
export function drawWorld(ctx: Canvas, scene: Scene, status: Status, part: Box, scale: number, dpr: number, colours: Palette, ground: string | null = null, shown = -1): void {
  ctx.setTransform(1, 0, 0, 1, 0, 0);
  if (ground === null) ctx.clearRect(0, 0, ctx.canvas.width, ctx.canvas.height);
  else {
    ctx.fillStyle = ground;
    ctx.fillRect(0, 0, ctx.canvas.width, ctx.canvas.height);
  }
  ctx.setTransform(scale * dpr, 0, 0, scale * dpr, -part.x * scale * dpr, -part.y * scale * dpr);
  drawLanes(ctx, scene, scale, colours);
  drawEdges(ctx, scene, status, part, scale, colours);
  drawSeen(ctx, scene, status, part, scale, colours);
  drawFlows(ctx, scene.layout, status.flows, part, scale, colours, status.emphasis.some((each) => each === ROOT));
  const near = drawLinesOf(ctx, scene, shown, scale, colours);
  const nearer = near.size > 0 ? lifted(status) : status;
  for (let at = 0; at < scene.layout.ids.length; at += 1) {
    if (inside(scene.layout, at, part)) drawNode(ctx, scene, near.has(at) ? nearer : status, at, scale, colours);
  }
}

/** Some of a service lies in this part of the world. */
export function inside({ x, y, nodeWidth }: Layout, at: number, part: Box): boolean {
  const [left, top] = [x[at] ?? 0, y[at] ?? 0];
  return left <= part.x + part.width && left + nodeWidth >= part.x && top <= part.y + part.height && top + NODE_HEIGHT >= part.y;
}

/** Draws all lines of one service, and says who is at their ends, itself with them. */
export function drawLinesOf(ctx: Canvas, { layout, seen }: Scene, shown: number, scale: number, colours: Palette): Set<number> {
  const near = new Set<number>();
  if (shown < 0 || shown >= layout.ids.length) return near;
  near.add(shown);
  ctx.beginPath();
  for (const pairs of [layout.edges, seen]) {
    for (let at = 0; at < pairs.length; at += 2) {
      const [from, to] = [pairs[at] ?? 0, pairs[at + 1] ?? 0];
      if (from !== shown && to !== shown) continue;
      near.add(from === shown ? to : from);
      traceLine(ctx, layout, from, to, scale);
    }
  }
  ctx.strokeStyle = colours["accent"];
  ctx.lineWidth = Math.max(1.6 / scale, 1);
  ctx.stroke();
  return near;
}

/** As `status`, with nobody stepping back. */
export function lifted(status: Status): Status {
  return { ...status, emphasis: status.emphasis.map((each) => (each === BACK ? 0 : each)) };
}

function drawLanes(ctx: Canvas, scene: Scene, scale: number, colours: Palette): void {
  if (scene.layout.lanes.length < 2) return;
  ctx.lineWidth = 1 / scale;
  for (const lane of scene.layout.lanes) {
    ctx.beginPath();
    ctx.roundRect(lane.x, lane.y, lane.width, lane.height, Math.min(14, 10 / scale));
    ctx.fillStyle = colours["surface"];
    ctx.globalAlpha = 0.55;
    ctx.fill();
    ctx.globalAlpha = 1;
    ctx.strokeStyle = colours["line"];
    ctx.stroke();
  }
}

/** Draws the line between two services. */
function traceLine(pen: Pen, layout: Layout, from: number, to: number, scale: number): void {
  trace(pen, corners(layout, from, to), radiusAt(scale));
}

function drawSeen(ctx: Canvas, scene: Scene, status: Status, part: Box, scale: number, colours: Palette): void {
  const { layout, seen } = scene;
  if (seen.length === 0) return;
  const lines = new Path2D();
  for (let at = 0; at < seen.length; at += 2) {
    const [from, to] = [seen[at] ?? 0, seen[at + 1] ?? 0];
    if (!outside(layout, from, to, part)) traceLine(lines, layout, from, to, scale);
  }
  const troubled = status.emphasis.some((each) => each === ROOT);
  ctx.lineWidth = Math.max(1.2 / scale, 0.9);
  ctx.strokeStyle = colours["text-3"];
  ctx.globalAlpha = (troubled ? 0.5 : 0.9) * (scale < FAR ? 0.4 : 1);
  ctx.setLineDash([5 / scale, 4 / scale]);
  ctx.stroke(lines);
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
}

function drawEdges(ctx: Canvas, scene: Scene, status: Status, part: Box, scale: number, colours: Palette): void {
  const { layout } = scene;
  const { edges, x, y } = layout;
  const troubled = status.emphasis.some((each) => each === ROOT);
  const calm = new Path2D();
  const hurt = new Path2D();
  // Impacted by another that is impacted: the way trouble took. Where it took many ways they only tint the ground.
  const onward = new Path2D();
  let passed = 0;
  // Trouble comes from below; the heads point to where.
  const heads = new Path2D();
  const head = Math.min(9, 5 / scale);
  for (let at = 0; at < edges.length; at += 2) {
    const [from, to] = [edges[at] ?? 0, edges[at + 1] ?? 0];
    const suffers = status.emphasis[from] === IMPACTED && (status.emphasis[to] === ROOT || status.emphasis[to] === IMPACTED);
    const direct = suffers && status.emphasis[to] === ROOT;
    if (suffers && !direct) passed += 1;
    if (outside(layout, from, to, part)) continue;
    traceLine(direct ? hurt : suffers ? onward : calm, layout, from, to, scale);
    if (!direct) continue;
    const [tipX, tipY] = [(x[to] ?? 0) + layout.nodeWidth / 2, y[to] ?? 0];
    heads.moveTo(tipX, tipY);
    heads.lineTo(tipX - head * 0.8, tipY - head * 1.5);
    heads.lineTo(tipX + head * 0.8, tipY - head * 1.5);
    heads.closePath();
  }
  ctx.lineJoin = "round";
  ctx.lineWidth = Math.max(1 / scale, 0.8);
  ctx.strokeStyle = colours["line-strong"];
  // Far out the lines are a ground on which one service's own, drawn when it is pointed at, can be read.
  ctx.globalAlpha = (scale < FAR ? 0.3 : scale < DETAILED ? 0.8 : 1) * (troubled ? 0.6 : 1);
  ctx.stroke(calm);
  ctx.strokeStyle = ctx.fillStyle = colours["warn-mark"];
  ctx.lineWidth = Math.max(1 / scale, 0.8);
  ctx.globalAlpha = passed > MANY ? 0.35 : 0.8;
  ctx.stroke(onward);
  ctx.globalAlpha = 1;
  ctx.lineWidth = Math.max(1.5 / scale, 1.2);
  ctx.stroke(hurt);
  ctx.fill(heads);
}

export function drawNode(ctx: Canvas, scene: Scene, status: Status, at: number, scale: number, colours: Palette): void {
  const look = LOOKS[status.state[at] ?? 0];
  if (!look) return;
  const emphasis = status.emphasis[at] ?? 0;
  const { x: xs, y: ys, ids } = scene.layout;
  const [x, y] = [xs[at] ?? 0, ys[at] ?? 0];
  const wide = scene.layout.nodeWidth * scale;
  const well = look.tone === "good";
  const tone = emphasis === IMPACTED && well ? "warn" : look.tone;

  ctx.globalAlpha = emphasis === BACK ? BACK_ALPHA : 1;
  if (emphasis === ROOT) {
    ctx.beginPath();
    ctx.roundRect(x - 7 / scale, y - 7 / scale, scene.layout.nodeWidth + 14 / scale, NODE_HEIGHT + 14 / scale, 10 / scale + 4);
    ctx.fillStyle = colours[`${tone}-mark`];
    ctx.globalAlpha = 0.28;
    ctx.fill();
    ctx.globalAlpha = 1;
  }
  ctx.beginPath();
  ctx.roundRect(x, y, scene.layout.nodeWidth, NODE_HEIGHT, wide < NAMED ? 6 : 8);
  if (wide < NAMED) {
    // Far out the chip is all there is: its tone fills it, and what is not well is taller in contrast.
    // No line shines through.
    const loud = !well || emphasis === IMPACTED || emphasis === ROOT;
    ctx.globalAlpha = 1;
    ctx.fillStyle = colours["surface"];
    ctx.fill();
    ctx.fillStyle = colours[`${tone}-mark`];
    ctx.globalAlpha = emphasis === BACK ? (well ? 0.16 : 0.4) : loud ? 1 : 0.42;
    ctx.fill();
    ctx.globalAlpha = 1;
    if (!well && wide > 14) drawMark(ctx, look.shape, x + scene.layout.nodeWidth / 2 - 16, y + NODE_HEIGHT / 2 - 16, 32, colours["surface"]);
    return;
  }
  if (emphasis === BACK) {
    // Steps back, but lines do not run through it.
    ctx.globalAlpha = 1;
    ctx.fillStyle = colours["bg"];
    ctx.fill();
    ctx.globalAlpha = BACK_ALPHA;
  }
  ctx.fillStyle = emphasis === ROOT ? colours[`${tone}-soft`] : well && emphasis !== IMPACTED ? colours["surface"] : colours[`${tone}-soft`];
  ctx.fill();
  ctx.lineWidth = (emphasis === ROOT ? 2 : 1) / Math.min(1, scale);
  ctx.strokeStyle = well && emphasis !== IMPACTED ? colours["line-strong"] : colours[`${tone}-mark`];
  if (emphasis === IMPACTED) ctx.setLineDash([4 / scale, 3 / scale]);
  ctx.stroke();
  ctx.setLineDash([]);

  const detailed = scale >= DETAILED;
  // Text keeps a readable size on screen while its box shrinks around it.
  const font = Math.min(13, Math.max(13 * scale, SMALLEST)) / scale;
  const pad = detailed ? 9 : Math.min(12, 4 / scale);
  const line = detailed ? y + 14 : y + NODE_HEIGHT / 2;
  // Where room is dear, what is well has a dot; a shape is for what is not.
  const dot = !detailed && wide < ROOMY && well;
  const mark = (dot ? 5 : Math.min(14, Math.max(14 * scale, 9))) / scale;
  if (dot) {
    ctx.beginPath();
    ctx.arc(x + pad + mark / 2, line, mark / 2, 0, 2 * Math.PI);
    ctx.fillStyle = colours[`${look.tone}-mark`];
    ctx.fill();
  } else drawMark(ctx, look.shape, x + pad, line - mark / 2, mark, colours[`${look.tone}-mark`]);
  const left = x + pad + mark + Math.min(8, (dot ? 3 : 4) / scale);
  const right = x + scene.layout.nodeWidth - (dot ? 4 / scale : pad);
  // Small text is drawn on whole pixels, somewhat wider than it was measured at its size in the world.
  const room = (right - left) * (detailed ? 1 : 0.96);
  const weight = emphasis === ROOT ? 700 : detailed || wide >= ROOMY ? 500 : 400;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  ctx.font = `${weight} ${font}px ${SANS}`;
  let label = fitted(ctx, ids[at] ?? "", room, 1);
  let leading = 0;
  if (label[0] !== ids[at] && !detailed && NODE_HEIGHT * scale >= TWO_LINES) {
    const small = Math.min(font, SMALLER / scale, NODE_HEIGHT * 0.46);
    ctx.font = `${weight} ${small}px ${SANS}`;
    label = fitted(ctx, ids[at] ?? "", right - left, 2);
    leading = small * 1.04;
  }
  ctx.fillStyle = colours["text"];
  label.forEach((text, nth) => ctx.fillText(text, left, line + (nth - (label.length - 1) / 2) * leading));
  const many = (status.replicas[at] ?? 1) > 1 ? `×${status.replicas[at] ?? 1}` : "";
  if (many !== "" && label.length === 1) {
    const end = left + measured(ctx, label[0] ?? "");
    ctx.font = `500 ${font * 0.86}px ${SANS}`;
    // The name goes before the number of its instances.
    if (end + measured(ctx, many) + 3 / scale <= right) {
      ctx.fillStyle = colours["text-3"];
      ctx.textAlign = "right";
      ctx.fillText(many, right, line);
      ctx.textAlign = "left";
    }
  }

  if (detailed) {
    const second = y + 29.5;
    ctx.font = `400 ${Math.min(11.5, Math.max(11 * scale, SMALLEST)) / scale}px ${SANS}`;
    const ms = status.latency[at] ?? -1;
    const port = status.port[at] ?? 0;
    const often = status.flows.services[at] ?? 0;
    const how = status.note[at] ?? (!well || emphasis === IMPACTED ? (emphasis === IMPACTED && well ? words.states.impacted : look.word) : ms >= 0 ? latency(ms) : look.word);
    const text = often > 0 ? `${how} · ${rate(often)}` : how;
    ctx.fillStyle = well && emphasis !== IMPACTED ? colours["text-3"] : colours[`${tone}-text`];
    ctx.fillText(text, left, second);
    ctx.fillStyle = colours["text-3"];
    ctx.textAlign = "right";
    let edge = x + scene.layout.nodeWidth - pad;
    if (status.held[at] === 1) {
      ctx.fillStyle = colours["held-mark"];
      ctx.fillRect(edge - 6, second - 4, 2, 8);
      ctx.fillRect(edge - 2, second - 4, 2, 8);
      edge -= 12;
      ctx.fillStyle = colours["text-3"];
    }
    if (port > 0) ctx.fillText(`:${port}`, edge, second);
    ctx.textAlign = "left";
    if (scale >= CURVED && status.samples.length > 0) {
      // Under each other where the words are short; where they are long, after them.
      const from = left + Math.max(50, measured(ctx, text) + 8);
      drawCurve(ctx, status.samples.subarray(at * SAMPLES, (at + 1) * SAMPLES), from, second - 6, Math.max(0, edge - from - 44), 12, colours["accent"]);
    }
  }
  ctx.globalAlpha = 1;
}

export function drawMark(ctx: Canvas, shape: Shape, x: number, y: number, size: number, colour: string): void {
  ctx.save();
  ctx.translate(x, y);
  ctx.scale(size / 16, size / 16);
  ctx.fillStyle = colour;
  ctx.fill(path(shape), "evenodd");
  ctx.restore();
}

function drawCurve(ctx: Canvas, samples: Float32Array, x: number, y: number, width: number, height: number, colour: string): void {
  let most = 0;
  let known = 0;
  for (const ms of samples) {
    if (ms < 0) continue;
    most = Math.max(most, ms);
    known += 1;
  }
  if (known < 2 || width < 12) return;
  ctx.beginPath();
  let pen = false;
  samples.forEach((ms, nth) => {
    if (ms < 0) {
      pen = false;
      return;
    }
    const [px, py] = [x + (nth / (SAMPLES - 1)) * width, y + height - (ms / (most * 1.1 || 1)) * height];
    if (pen) ctx.lineTo(px, py);
    else ctx.moveTo(px, py);
    pen = true;
  });
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.1;
  ctx.stroke();
}
