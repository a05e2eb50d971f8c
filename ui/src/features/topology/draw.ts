// Draws a part of the world onto a canvas, in the page or in a worker. The farther out, the less of each
// service: a chip in its tone, then its name, then state, port, latency and its curve.

import { SANS } from "../../shared/fonts";
import { latency as words } from "../../shared/format";
import { SHAPES, type Shape } from "../../shared/marks";
import type { Box } from "./camera";
import { NODE_HEIGHT } from "./layout";
import { fitName, shortened } from "./names";
import { BACK, IMPACTED, LOOKS, ROOT, SAMPLES, type Palette, type Scene, type Status } from "./scene";

type Canvas = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** From this width of a service on screen it gets its name, in CSS pixels. */
const NAMED = 50;
/** From this width its name has room for a mark and some weight. */
const ROOMY = 140;
/** Text on screen is never smaller than this, in CSS pixels; where a name takes two lines, a little. */
const SMALLEST = 9.5;
const SMALLER = 9;
/** From this height of a service on screen its name may take two lines. */
const TWO_LINES = 17;
/** So many lines between impacted services can still be followed. */
const MANY = 16;
/** From this zoom it gets its second line. */
export const DETAILED = 0.7;
/** From this zoom it gets its curve. */
export const CURVED = 0.85;

const BACK_ALPHA = 0.45;

const paths = new Map<Shape, Path2D>();
function path(shape: Shape): Path2D {
  let found = paths.get(shape);
  if (!found) paths.set(shape, (found = new Path2D(SHAPES[shape])));
  return found;
}

/** Draws what lies in `part` of the world, on `ground` or on nothing; the canvas is `part` times `scale` large, in CSS pixels. */
export function drawWorld(ctx: Canvas, scene: Scene, status: Status, part: Box, scale: number, dpr: number, colours: Palette, ground: string | null = null): void {
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
  const { x, y, ids } = scene.layout;
  for (let at = 0; at < ids.length; at += 1) {
    const [left, top] = [x[at] ?? 0, y[at] ?? 0];
    if (left > part.x + part.width || left + scene.layout.nodeWidth < part.x || top > part.y + part.height || top + NODE_HEIGHT < part.y) continue;
    drawNode(ctx, scene, status, at, scale, colours);
  }
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

/** The line from what needs to what is needed. */
export function trace(target: Canvas | Path2D, scene: Scene, from: number, to: number, straight: boolean): void {
  const { x, y } = scene.layout;
  const [x1, y1] = [(x[from] ?? 0) + scene.layout.nodeWidth / 2, (y[from] ?? 0) + NODE_HEIGHT];
  const [x2, y2] = [(x[to] ?? 0) + scene.layout.nodeWidth / 2, y[to] ?? 0];
  target.moveTo(x1, y1);
  if (straight) {
    target.lineTo(x2, y2);
    return;
  }
  const [across, down] = [x2 - x1, y2 - y1];
  const bend = Math.min(120, Math.max(24, down * 0.45));
  // Straight down, past others of the same column, it would vanish behind them: it goes round in the gutter.
  const bow = Math.abs(across) < scene.layout.nodeWidth / 2 && down > NODE_HEIGHT * 1.5 ? scene.layout.nodeWidth * ((from + to) % 2 === 0 ? 0.72 : -0.72) : 0;
  target.bezierCurveTo(x1 + bow, y1 + bend, x2 + bow, y2 - bend, x2, y2);
}

/** The line of a connection that was only seen. What it leads to may stand anywhere. */
export function traceSeen(target: Canvas | Path2D, scene: Scene, from: number, to: number): void {
  const { x, y, nodeWidth } = scene.layout;
  const [x1, x2] = [(x[from] ?? 0) + nodeWidth / 2, (x[to] ?? 0) + nodeWidth / 2];
  const [y1, y2] = [y[from] ?? 0, y[to] ?? 0];
  if (y2 > y1 + NODE_HEIGHT) {
    trace(target, scene, from, to, false);
    return;
  }
  const level = Math.abs(y2 - y1) <= NODE_HEIGHT;
  // Upwards from edge to edge; to a neighbour of the same row in a bow below both.
  const [start, end] = level ? [y1 + NODE_HEIGHT, y2 + NODE_HEIGHT] : [y1, y2 + NODE_HEIGHT];
  const bend = level ? 34 : -Math.min(120, Math.max(24, (y1 - y2) * 0.45));
  target.moveTo(x1, start);
  target.bezierCurveTo(x1, start + bend, x2, end + (level ? bend : -bend), x2, end);
}

function drawSeen(ctx: Canvas, scene: Scene, status: Status, part: Box, scale: number, colours: Palette): void {
  const { layout, seen } = scene;
  if (seen.length === 0) return;
  const lines = new Path2D();
  for (let at = 0; at < seen.length; at += 2) {
    const [from, to] = [seen[at] ?? 0, seen[at + 1] ?? 0];
    const [x1, x2] = [layout.x[from] ?? 0, layout.x[to] ?? 0];
    if (Math.max(x1, x2) + layout.nodeWidth < part.x || Math.min(x1, x2) > part.x + part.width) continue;
    traceSeen(lines, scene, from, to);
  }
  const troubled = status.emphasis.some((each) => each === ROOT);
  ctx.lineWidth = Math.max(1.2 / scale, 0.9);
  ctx.strokeStyle = colours["text-2"];
  ctx.globalAlpha = troubled ? 0.45 : 0.85;
  ctx.setLineDash([5 / scale, 4 / scale]);
  ctx.stroke(lines);
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
}

function drawEdges(ctx: Canvas, scene: Scene, status: Status, part: Box, scale: number, colours: Palette): void {
  const { edges, x, y } = scene.layout;
  const straight = scale < 0.3;
  const troubled = status.emphasis.some((each) => each === ROOT);
  const calm = new Path2D();
  const hurt = new Path2D();
  // Impacted by another that is impacted: the way trouble took. Where it took many ways they only tint the ground.
  const onward = new Path2D();
  let passed = 0;
  // Trouble comes from below; the heads point to where.
  const heads = new Path2D();
  const head = 5 / scale;
  for (let at = 0; at < edges.length; at += 2) {
    const [from, to] = [edges[at] ?? 0, edges[at + 1] ?? 0];
    const [x1, x2] = [x[from] ?? 0, x[to] ?? 0];
    if (Math.max(x1, x2) + scene.layout.nodeWidth < part.x || Math.min(x1, x2) > part.x + part.width) continue;
    if ((y[to] ?? 0) < part.y || (y[from] ?? 0) + NODE_HEIGHT > part.y + part.height) continue;
    const suffers = status.emphasis[from] === IMPACTED && (status.emphasis[to] === ROOT || status.emphasis[to] === IMPACTED);
    const direct = suffers && status.emphasis[to] === ROOT;
    trace(direct ? hurt : suffers ? onward : calm, scene, from, to, straight);
    if (suffers && !direct) passed += 1;
    if (!direct) continue;
    const [tipX, tipY] = [x2 + scene.layout.nodeWidth / 2, y[to] ?? 0];
    heads.moveTo(tipX, tipY);
    heads.lineTo(tipX - head * 0.8, tipY - head * 1.5);
    heads.lineTo(tipX + head * 0.8, tipY - head * 1.5);
    heads.closePath();
  }
  ctx.lineWidth = Math.max(0.9 / scale, 0.7);
  ctx.strokeStyle = colours["line-strong"];
  // Far out the lines are a ground on which one service's own, drawn when it is pointed at, can be read.
  const faint = scale < DETAILED ? 0.4 : 0.65;
  ctx.globalAlpha = faint * (troubled ? 0.5 : 1) * (edges.length > 1_200 ? 0.5 : 1);
  ctx.stroke(calm);
  ctx.strokeStyle = ctx.fillStyle = colours["warn-mark"];
  ctx.lineWidth = Math.max(1 / scale, 0.8);
  ctx.globalAlpha = passed > MANY ? 0.25 : 0.8;
  ctx.stroke(onward);
  ctx.globalAlpha = 0.9;
  ctx.lineWidth = Math.max(1.5 / scale, 1.2);
  ctx.stroke(hurt);
  ctx.fill(heads);
  ctx.globalAlpha = 1;
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
    ctx.fillStyle = well && emphasis !== IMPACTED ? colours["good-mark"] : colours[`${tone}-mark`];
    if (well && emphasis === 0) ctx.globalAlpha = 0.5;
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
  const pad = Math.min(12, 4 / scale);
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
    const end = left + ctx.measureText(label[0] ?? "").width;
    ctx.font = `500 ${font * 0.86}px ${SANS}`;
    // The name goes before the number of its instances.
    if (end + ctx.measureText(many).width + 3 / scale <= right) {
      ctx.fillStyle = colours["text-3"];
      ctx.textAlign = "right";
      ctx.fillText(many, right, line);
      ctx.textAlign = "left";
    }
  }

  if (detailed) {
    const second = y + 29.5;
    ctx.font = `400 ${Math.max(11, 9 / scale)}px ${SANS}`;
    const ms = status.latency[at] ?? -1;
    const port = status.port[at] ?? 0;
    const text = status.note[at] ?? (!well || emphasis === IMPACTED ? (emphasis === IMPACTED && well ? "Impacted" : look.word) : ms >= 0 ? words(ms) : look.word);
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
      drawCurve(ctx, status.samples.subarray(at * SAMPLES, (at + 1) * SAMPLES), left + 50, second - 6, Math.max(0, edge - left - 50 - 44), 12, colours["accent"]);
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

/** Widths of texts are asked for over and over; the cache is dropped when it grows past reason. */
const written = new Map<string, string[]>();
const MAX_CACHED = 20_000;

/** What of a name is written in `width`, in at most `most` lines of the font that is set. */
function fitted(ctx: Canvas, name: string, width: number, most: 1 | 2): string[] {
  const key = `${ctx.font}|${Math.round(width)}|${most}|${name}`;
  const known = written.get(key);
  if (known !== undefined) return known;
  const made = fitName(name, width, most, (text) => ctx.measureText(text).width);
  if (written.size > MAX_CACHED) written.clear();
  written.set(key, made);
  return made;
}

/** A lane's name and its font: as large as can be so that it is whole, in one line or two. */
function headOf(ctx: Canvas, name: string, room: number): { lines: string[]; size: number } {
  const sizes = [11.5, 10.5, 9.5, 8.5];
  for (const size of sizes) {
    ctx.font = `600 ${size}px ${SANS}`;
    const lines = fitted(ctx, name, room, 2);
    if (lines.join("").replaceAll(" ", "") === name.replaceAll(" ", "")) return { lines, size };
  }
  const size = 9.5;
  ctx.font = `600 ${size}px ${SANS}`;
  return { lines: [shortened(name, room, (text) => ctx.measureText(text).width)], size };
}

/** The lanes' names and tallies, drawn over everything and kept in view at the top. */
export function drawHeads(ctx: CanvasRenderingContext2D, scene: Scene, status: Status, camera: { x: number; y: number; scale: number }, width: number, colours: Palette): void {
  if (scene.layout.lanes.length < 2) return;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (const lane of scene.layout.lanes) {
    const left = (lane.x - camera.x) * camera.scale;
    const wide = lane.width * camera.scale;
    if (left > width - Math.min(40, wide) || left + wide < 0 || wide < 16) continue;
    // A lane wider than the view keeps its name in it.
    const x = Math.max(left, 8) + 2;
    const room = Math.min(left + wide, width) - x - 2;
    const { lines: name, size: font } = headOf(ctx, lane.category, room);
    const high = 22 + name.length * 14;
    const bottom = (lane.y + lane.height - camera.y) * camera.scale;
    if (bottom < high) continue;
    const top = Math.max(4, (lane.y - camera.y) * camera.scale - high - 4);
    ctx.fillStyle = colours["bg"];
    ctx.globalAlpha = 0.88;
    ctx.fillRect(left - 1, top - 2, wide + 2, high + 2);
    ctx.globalAlpha = 1;
    ctx.fillStyle = colours["text"];
    ctx.font = `600 ${font}px ${SANS}`;
    name.forEach((line, nth) => ctx.fillText(line, x, top + 7 + nth * 14));
    const under = top + name.length * 14;
    let at = x;
    for (const [index, n] of tally(lane.members, status)) {
      const look = LOOKS[index];
      if (!look) continue;
      ctx.font = `500 11px ${SANS}`;
      const text = String(n);
      const size = 12 + 4 + ctx.measureText(text).width;
      if (at + size > x + room) break;
      drawMark(ctx, look.shape, at, under + 4, 11, colours[`${look.tone}-mark`]);
      ctx.fillStyle = colours["text-2"];
      ctx.fillText(text, at + 15, under + 10);
      at += size + 8;
    }
  }
}

/** How many are in which state, worst first. */
function tally(members: readonly number[], status: Status): [number, number][] {
  const counts = new Map<number, number>();
  for (const at of members) counts.set(status.state[at] ?? 0, (counts.get(status.state[at] ?? 0) ?? 0) + 1);
  return [...counts].sort((a, b) => a[0] - b[0]);
}
