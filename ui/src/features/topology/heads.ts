// What is written over the picture: the names of the lanes with how their services are, kept in view at the
// top, and the name of what is wrong where services are too small to bear their own.

import { SANS } from "../../shared/fonts";
import { drawMark } from "./draw";
import { NAMED } from "./levels";
import { fitted, measured, type Canvas } from "./measures";
import { NODE_HEIGHT } from "./layout";
import { cutLines } from "./names";
import { LOOKS, ROOT, type Palette, type Scene, type Status } from "./scene";

/** So many services that are wrong are named from far; more would cover each other. */
const MAX_NAMED = 6;
/** Of such a name and its distance, in CSS pixels. */
const [NAME_HEIGHT, NAME_GAP] = [22, 9];

/** Between a lane's edge and its name, in CSS pixels. */
const PAD = 2;
/** Of the lanes' names, in CSS pixels. */
const SIZES = [11.5, 10.5, 9.5, 8.5];

const whole = (lines: readonly string[], name: string): boolean => lines.join("").replaceAll(" ", "") === name.replaceAll(" ", "");

/** The largest in which the names of all lanes are whole, in one line or two, or else the smallest: heads of many sizes look as if they ranked. */
function sizeOf(ctx: Canvas, scene: Scene, scale: number): number {
  const fits = (size: number): boolean => {
    ctx.font = `600 ${size}px ${SANS}`;
    return scene.layout.lanes.every(({ category, width }) => whole(fitted(ctx, category, width * scale - 2 * PAD, 2), category));
  };
  return SIZES.find(fits) ?? SIZES.at(-1) ?? 0;
}

/** A lane's name, whole in one line or two if that can be. */
function headOf(ctx: Canvas, name: string, room: number): string[] {
  const lines = fitted(ctx, name, room, 2);
  return whole(lines, name) ? lines : cutLines(name, room, (text) => measured(ctx, text));
}

/** The lanes' names and tallies, drawn over everything and kept in view at the top. */
export function drawHeads(ctx: Canvas, scene: Scene, status: Status, camera: { x: number; y: number; scale: number }, width: number, colours: Palette): void {
  if (scene.layout.lanes.length < 2) return;
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  const size = sizeOf(ctx, scene, camera.scale);
  const font = `600 ${size}px ${SANS}`;
  for (const lane of scene.layout.lanes) {
    const left = (lane.x - camera.x) * camera.scale;
    const wide = lane.width * camera.scale;
    if (left > width - Math.min(40, wide) || left + wide < 0 || wide < 16) continue;
    // A lane wider than the view keeps its name in it.
    const x = Math.max(left, 8) + PAD;
    const room = Math.min(left + wide, width) - x - PAD;
    ctx.font = font;
    const name = headOf(ctx, lane.category, room);
    const high = 22 + name.length * 14;
    const bottom = (lane.y + lane.height - camera.y) * camera.scale;
    if (bottom < high) continue;
    const top = Math.max(4, (lane.y - camera.y) * camera.scale - high - 4);
    ctx.fillStyle = colours["bg"];
    ctx.globalAlpha = 0.96;
    ctx.fillRect(left - 1, top - 2, wide + 2, high + 2);
    ctx.globalAlpha = 1;
    ctx.fillStyle = colours["text"];
    ctx.font = font;
    name.forEach((line, nth) => ctx.fillText(line, x, top + 7 + nth * 14));
    const under = top + name.length * 14;
    let at = x;
    for (const [index, n] of tally(lane.members, status)) {
      const look = LOOKS[index];
      if (!look) continue;
      ctx.font = `500 11px ${SANS}`;
      const text = String(n);
      const long = 12 + 4 + measured(ctx, text);
      if (at + long > x + room) break;
      drawMark(ctx, look.shape, at, under + 4, 11, colours[`${look.tone}-mark`]);
      ctx.fillStyle = colours["text-2"];
      ctx.fillText(text, at + 15, under + 10);
      at += long + 8;
    }
  }
}

/** Names what is at the root of trouble while it is drawn without its name; above it where below `bottom` something lies over the picture. */
export function drawNames(ctx: Canvas, scene: Scene, status: Status, camera: { x: number; y: number; scale: number }, bottom: number, colours: Palette): void {
  const { ids, x, y, nodeWidth } = scene.layout;
  if (nodeWidth * camera.scale >= NAMED) return;
  ctx.textBaseline = "middle";
  ctx.textAlign = "center";
  ctx.font = `650 12px ${SANS}`;
  let named = 0;
  const taken: [number, number, number][] = [];
  for (let at = 0; at < ids.length && named < MAX_NAMED; at += 1) {
    const look = LOOKS[status.state[at] ?? 0];
    if (status.emphasis[at] !== ROOT || !look) continue;
    const name = ids[at] ?? "";
    const wide = measured(ctx, name) + 16;
    const middle = ((x[at] ?? 0) + nodeWidth / 2 - camera.x) * camera.scale;
    const top = ((y[at] ?? 0) - camera.y) * camera.scale;
    const under = top + NODE_HEIGHT * camera.scale + NAME_GAP;
    const above = top - NAME_GAP - NAME_HEIGHT;
    // Names that lie over each other are none.
    const free = (on: number): boolean => taken.every(([left, right, other]) => middle + wide / 2 <= left || middle - wide / 2 >= right || Math.abs(other - on) >= NAME_HEIGHT);
    const on = (under + NAME_HEIGHT <= bottom ? [under, above] : [above, under]).find(free);
    if (on === undefined) continue;
    named += 1;
    taken.push([middle - wide / 2, middle + wide / 2, on]);
    ctx.beginPath();
    ctx.roundRect(middle - wide / 2, on, wide, NAME_HEIGHT, 6);
    ctx.fillStyle = colours[`${look.tone}-soft`];
    ctx.fill();
    ctx.lineWidth = 1;
    ctx.strokeStyle = colours[`${look.tone}-mark`];
    ctx.stroke();
    ctx.fillStyle = colours[`${look.tone}-text`];
    ctx.fillText(name, middle, on + 11.5);
  }
  ctx.textAlign = "left";
}

/** How many are in which state, worst first. */
export function tally(members: readonly number[], status: Status): [number, number][] {
  const counts = new Map<number, number>();
  for (const at of members) counts.set(status.state[at] ?? 0, (counts.get(status.state[at] ?? 0) ?? 0) + 1);
  return [...counts].sort((a, b) => a[0] - b[0]);
}
