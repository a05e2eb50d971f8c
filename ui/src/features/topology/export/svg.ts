// The graph as a drawing that every browser and editor opens, at any size: text stays text, each service says
// its state when it is pointed at, and nothing in it is loaded from elsewhere.

import { SANS } from "../../../shared/fonts";
import { latency } from "../../../shared/format";
import { SHAPES, type Shape } from "../../../shared/marks";
import { words } from "../../../words";
import { MANY } from "../levels";
import { tally } from "../heads";
import { NODE_HEIGHT } from "../layout";
import { fitName, shortened } from "../names";
import { corners, trace, type Pen } from "../route";
import { BACK, IMPACTED, LOOKS, NORMAL, ROOT, type Palette } from "../scene";
import type { Subject } from "./subject";

const w = words.topology.export;

// In world units, as the layout's.
const MARGIN = 16;
const HEAD = 44;
const FOOT = 30;
const RADIUS = 9;
const BACK_OPACITY = 0.45;

/** How wide a text is in a font of CSS. */
export type Measure = (text: string, font: string) => number;

export function svg(subject: Subject, colours: Palette, measure: Measure): string {
  const { layout } = subject.scene;
  const [left, top] = [-MARGIN, -layout.height - MARGIN - HEAD];
  const [width, height] = [layout.width + 2 * MARGIN, layout.height + HEAD + MARGIN + FOOT];
  const taken = w.taken(layout.ids.length, layout.edges.length / 2, new Date(subject.at).toISOString());
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${n(width)}" height="${n(height)}" viewBox="${n(left)} ${n(top)} ${n(width)} ${n(height)}" font-family="${escaped(SANS)}" role="img">`,
    `<title>${escaped(w.title(subject.name))}</title>`,
    `<desc>${escaped(taken)}</desc>`,
    box(left, top, width, height, 0, { fill: colours.bg }),
    ...lanes(subject, colours, measure),
    ...lines(subject, colours),
    ...layout.ids.map((_id, at) => service(subject, at, colours, measure)),
    text(0, FOOT - 12, `${subject.name}: ${taken}`, { "font-size": 11, fill: colours["text-3"] }),
    "</svg>",
  ].join("\n")}\n`;
}

function lanes({ scene, status }: Subject, colours: Palette, measure: Measure): string[] {
  if (scene.layout.lanes.length < 2) return [];
  return scene.layout.lanes.map((lane) => {
    const name = shortened(lane.category, lane.width - 4, (part) => measure(part, `600 11.5px ${SANS}`));
    let x = lane.x + 2;
    const counts = tally(lane.members, status).flatMap(([state, many]) => {
      const look = LOOKS[state];
      if (!look || x + 30 > lane.x + lane.width) return [];
      const said = mark(look.shape, x, lane.y - 19, 11, colours[`${look.tone}-mark`]) + text(x + 15, lane.y - 10, String(many), { "font-size": 11, fill: colours["text-2"] });
      x += 23 + measure(String(many), `400 11px ${SANS}`);
      return [said];
    });
    return `<g><title>${escaped(lane.category)}</title>${box(lane.x, lane.y, lane.width, lane.height, 10, { fill: colours.surface, "fill-opacity": 0.55, stroke: colours.line })}${text(lane.x + 2, lane.y - 29, name, { "font-size": 11.5, "font-weight": 600, fill: colours.text })}${counts.join("")}</g>`;
  });
}

function lines({ scene, status }: Subject, colours: Palette): string[] {
  const troubled = status.emphasis.some((each) => each === ROOT);
  const [calm, hurt, onward, seen] = [new PathText(), new PathText(), new PathText(), new PathText()];
  let passed = 0;
  const { edges } = scene.layout;
  for (let at = 0; at < edges.length; at += 2) {
    const [from, to] = [edges[at] ?? 0, edges[at + 1] ?? 0];
    const direct = status.emphasis[from] === IMPACTED && status.emphasis[to] === ROOT;
    const passes = status.emphasis[from] === IMPACTED && status.emphasis[to] === IMPACTED;
    if (passes) passed += 1;
    trace(direct ? hurt : passes ? onward : calm, corners(scene.layout, from, to), RADIUS);
  }
  for (let at = 0; at < scene.seen.length; at += 2) trace(seen, corners(scene.layout, scene.seen[at] ?? 0, scene.seen[at + 1] ?? 0), RADIUS);
  return [
    drawn(w.lines.needs, calm, { stroke: colours["line-strong"], opacity: troubled ? 0.6 : 1 }),
    drawn(w.lines.seen, seen, { stroke: colours["text-3"], "stroke-width": 1.2, "stroke-dasharray": "5 4", opacity: 0.9 }),
    drawn(w.lines.onward, onward, { stroke: colours["warn-mark"], opacity: passed > MANY ? 0.35 : 0.8 }),
    drawn(w.lines.direct, hurt, { stroke: colours["warn-mark"], "stroke-width": 1.5 }),
  ].filter((each) => each !== "");
}

function drawn(what: string, path: PathText, looks: Attributes): string {
  return path.text === "" ? "" : `<path d="${path.text}"${attributes({ fill: "none", "stroke-linejoin": "round", ...looks })}><title>${escaped(what)}</title></path>`;
}

function service({ scene, status }: Subject, at: number, colours: Palette, measure: Measure): string {
  const { x: xs, y: ys, ids, nodeWidth } = scene.layout;
  const look = LOOKS[status.state[at] ?? 0];
  if (!look) return "";
  const [x, y, name] = [xs[at] ?? 0, ys[at] ?? 0, ids[at] ?? ""];
  const emphasis = status.emphasis[at] ?? NORMAL;
  const well = look.tone === "good";
  const impacted = emphasis === IMPACTED;
  const tone = impacted && well ? "warn" : look.tone;
  const calm = well && !impacted && emphasis !== ROOT;
  const state = impacted && well ? words.states.impacted : look.word;
  const ms = status.latency[at] ?? -1;
  const port = status.port[at] ?? 0;
  const second = status.note[at] ?? (!well || impacted ? state : ms >= 0 ? latency(ms) : state);
  const many = (status.replicas[at] ?? 1) > 1 ? ` ×${String(status.replicas[at])}` : "";
  const weight = emphasis === ROOT ? 700 : 500;
  const room = nodeWidth - 41 - measure(many, `500 11.200px ${SANS}`);
  const written = fitName(name, room, 1, (part) => measure(part, `${String(weight)} 13px ${SANS}`))[0] ?? "";
  const parts = [
    `<title>${escaped([w.node(`${name}${many}`, state), ...(port > 0 ? [w.port(port)] : []), ...(status.held[at] === 1 ? [w.held] : [])].join(", "))}</title>`,
    emphasis === ROOT ? box(x - 7, y - 7, nodeWidth + 14, NODE_HEIGHT + 14, 14, { fill: colours[`${tone}-mark`], "fill-opacity": 0.28 }) : "",
    box(x, y, nodeWidth, NODE_HEIGHT, 8, {
      fill: calm ? colours.surface : colours[`${tone}-soft`],
      stroke: calm ? colours["line-strong"] : colours[`${tone}-mark`],
      "stroke-width": emphasis === ROOT ? 2 : 1,
      ...(impacted ? { "stroke-dasharray": "4 3" } : {}),
    }),
    mark(look.shape, x + 9, y + 7, 14, colours[`${look.tone}-mark`]),
    text(x + 29, y + 18.5, written, { "font-size": 13, "font-weight": weight, fill: colours.text }),
    many === "" ? "" : text(x + nodeWidth - 9, y + 18.5, many.trim(), { "font-size": 11.2, "font-weight": 500, fill: colours["text-3"], "text-anchor": "end" }),
    text(x + 29, y + 33.5, second, { "font-size": 11, fill: calm ? colours["text-3"] : colours[`${tone}-text`] }),
    port > 0 ? text(x + nodeWidth - 9, y + 33.5, `:${String(port)}`, { "font-size": 11, fill: colours["text-3"], "text-anchor": "end" }) : "",
  ];
  return `<g${attributes(emphasis === BACK ? { opacity: BACK_OPACITY } : {})}>${parts.join("")}</g>`;
}

// === the language ===

type Attributes = Record<string, string | number>;

/** A number as short as it can be without a person seeing the difference. */
function n(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** Names may hold anything; XML may not. What it cannot hold at all is left out. */
function escaped(text: string): string {
  return text
    // eslint-disable-next-line no-control-regex -- XML 1.0 has no way to write these
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "")
    .replace(/[&<>"']/g, (letter) => `&#${String(letter.charCodeAt(0))};`);
}

function attributes(all: Attributes): string {
  return Object.entries(all).map(([name, value]) => ` ${name}="${typeof value === "number" ? n(value) : escaped(value)}"`).join("");
}

function box(x: number, y: number, width: number, height: number, rx: number, looks: Attributes): string {
  return `<rect${attributes({ x, y, width, height, ...(rx > 0 ? { rx } : {}), ...looks })}/>`;
}

function text(x: number, y: number, said: string, looks: Attributes): string {
  return `<text${attributes({ x, y, ...looks })}>${escaped(said)}</text>`;
}

function mark(shape: Shape, x: number, y: number, size: number, fill: string): string {
  return `<path${attributes({ transform: `translate(${n(x)} ${n(y)}) scale(${String(size / 16)})`, fill, "fill-rule": "evenodd", d: SHAPES[shape] })}/>`;
}

/** Writes down what is drawn on it. */
class PathText implements Pen {
  private readonly parts: string[] = [];
  moveTo(x: number, y: number): void {
    this.parts.push(`M${n(x)} ${n(y)}`);
  }
  lineTo(x: number, y: number): void {
    this.parts.push(`L${n(x)} ${n(y)}`);
  }
  quadraticCurveTo(cx: number, cy: number, x: number, y: number): void {
    this.parts.push(`Q${n(cx)} ${n(cy)} ${n(x)} ${n(y)}`);
  }
  get text(): string {
    return this.parts.join("");
  }
}
