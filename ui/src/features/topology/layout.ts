// Where the services of a cluster stand. Everything stands above all that it needs, what needs nothing
// at the bottom; lanes are the categories. Rows run through all lanes, and each service sinks to the lowest
// row that what it needs lets it have; those that most stands upon go first. So the picture is hardly
// higher than its longest chain, and there is room to write names.
//
// Pure and deterministic: the same graph gives the same picture. States are not an input, so a change
// of state never moves anything. Given the previous layout everything that can stays exactly where it stood
// (`grow.ts`), until a new picture would be much better.
//
// The ground is at y = 0 and what stands higher has a smaller y, so that a row more on top moves nothing.
//
// Own code because the maintained general layouts (ELK: seconds; dagre: no lanes, minutes at 3,000
// edges) do not place by category and depth at once, and this is a far simpler problem.

import { grown } from "./grow";

/** What is laid out. */
export interface GraphNode {
  id: string;
  category: string;
  needs: readonly string[];
}

export interface Lane {
  category: string;
  x: number;
  y: number;
  width: number;
  height: number;
  /** How many services stand side by side in it. */
  columns: number;
  /** Indices into `Layout.ids`. */
  members: number[];
}

export interface Layout {
  /** Which service each index means. */
  ids: string[];
  /** Left upper corners, by index. */
  x: Float64Array;
  y: Float64Array;
  /** Row by index, 0 at the bottom, and column within its lane, 0 at its left. */
  row: Int32Array;
  column: Int32Array;
  rows: number;
  lanes: Lane[];
  /** Pairs: the one that needs, the one that is needed. */
  edges: Int32Array;
  width: number;
  height: number;
  /** How wide each service is: at least `NODE_WIDTH`, more where the view has room to spare. */
  nodeWidth: number;
  /** From one row to the next. */
  step: number;
}

export const EMPTY: Layout = {
  ids: [], x: new Float64Array(), y: new Float64Array(), row: new Int32Array(), column: new Int32Array(), rows: 0, lanes: [],
  edges: new Int32Array(), width: 0, height: 0, nodeWidth: 0, step: 0,
};

// In world units, which are CSS pixels at zoom 1.
export const NODE_WIDTH = 184;
export const NODE_HEIGHT = 42;
export const GAP_X = 10;
export const GAP_Y = 13;
const LANE_PAD = 7;
export const LANE_GAP = 9;
/** How far services and rows are drawn out to fill the view, as a share of what they need. */
const MAX_STRETCH = 1.6;

/** A picture that was kept is given up when a new one could be looked at so many times larger. */
const MAX_WORSE = 1.35;
const SWEEPS = 6;
/** Bounds on the search for the lanes' widths: it is for a picture, not for a proof. */
const STARTS = 3;
const ROUNDS = 12;
/** Beyond so many services two lanes are not tried at once. */
const MAX_PAIRED = 300;

/** What a layout is made of, before anything has a place. */
export interface Graph {
  ids: string[];
  category: string[];
  /** Indices of what each needs, and of what needs it. */
  below: number[][];
  above: number[][];
  edges: Int32Array;
}

function graphOf(nodes: readonly GraphNode[]): Graph {
  const ids = nodes.map((node) => node.id);
  const index = new Map(ids.map((id, at) => [id, at]));
  const below = nodes.map((node) =>
    [...new Set(node.needs)].flatMap((need) => {
      const at = index.get(need);
      return at === undefined || need === node.id ? [] : [at];
    }),
  );
  const above: number[][] = nodes.map(() => []);
  const edges: number[] = [];
  below.forEach((needs, from) => {
    for (const to of needs) {
      edges.push(from, to);
      above[to]?.push(from);
    }
  });
  return { ids, category: nodes.map((node) => node.category), below, above, edges: Int32Array.from(edges) };
}

/**
 * Lays out `nodes` for a view of `aspect` (width by height). `previous` is an earlier layout of
 * the same cluster, if there is one.
 */
export function layout(nodes: readonly GraphNode[], aspect = 1.6, previous?: Layout): Layout {
  const graph = graphOf(nodes);
  const fresh = anew(graph, aspect);
  const kept = previous && grown(graph, turnsOf(graph), previous);
  return kept && scaleOf(kept, aspect) * MAX_WORSE >= scaleOf(fresh, aspect) ? kept : fresh;
}

/** The zoom at which it fits into a view one unit high. */
function scaleOf(made: Layout, aspect: number): number {
  return Math.min(aspect / Math.max(1, made.width), 1 / Math.max(1, made.height));
}

/** What carries most goes first; what needs something carries less than that, so everything comes after all it needs. */
function turnsOf({ ids, above }: Graph): number[] {
  const carried = depths(above);
  return ids.map((_id, at) => at).sort((a, b) => (carried[b] ?? 0) - (carried[a] ?? 0) || byName(ids, a, b));
}

function anew(graph: Graph, aspect: number): Layout {
  const { ids, below, above } = graph;
  const laneNames = orderLanes(graph);
  const laneOf = new Map(laneNames.map((name, at) => [name, at]));
  const lanes = Int32Array.from(graph.category, (name) => laneOf.get(name) ?? 0);
  const members: number[][] = laneNames.map(() => []);
  lanes.forEach((lane, at) => members[lane]?.push(at));

  const turns = turnsOf(graph);
  const sink = (columns: readonly number[]): { row: Int32Array; rows: number } => sunk(turns, below, lanes, columns);
  const pad = padOf(laneNames.length);
  const columns = shape(members, aspect, pad, ids.length <= MAX_PAIRED, (trial) => sink(trial).rows);
  const { row, rows } = sink(columns);
  const cells: number[][][] = laneNames.map(() => Array.from({ length: rows }, () => []));
  row.forEach((at, node) => cells[lanes[node] ?? 0]?.[at]?.push(node));

  // The view's room to spare goes to the names, or between the rows.
  const across = columns.reduce((sum, n) => sum + n, 0);
  const fixed = widthOf(columns, pad, 0);
  const [wide, high] = [widthOf(columns, pad, NODE_WIDTH), heightOf(rows, pad)];
  const nodeWidth = across === 0 ? NODE_WIDTH : Math.min(NODE_WIDTH * MAX_STRETCH, Math.max(NODE_WIDTH, (high * aspect - fixed) / across));
  const step = (NODE_HEIGHT + GAP_Y) * Math.min(MAX_STRETCH, Math.max(1, wide / aspect / Math.max(1, high)));

  // Barycentres decide who stands beside whom over several sweeps, up and down.
  const column = new Int32Array(ids.length);
  const lefts = lanesOf(laneNames.map((category, lane) => ({ category, columns: columns[lane] ?? 1 })), nodeWidth, 0).map((lane) => lane.x);
  const at = (node: number): number => (lefts[lanes[node] ?? 0] ?? 0) + (column[node] ?? 0) * (nodeWidth + GAP_X);
  const settle = (cell: readonly number[]): void => cell.forEach((node, nth) => (column[node] = nth));
  for (const lane of cells) for (const cell of lane) settle(cell.sort((a, b) => byName(ids, a, b)));
  const wish = (node: number, neighbours: readonly number[]): number =>
    neighbours.length === 0 ? at(node) : neighbours.reduce((sum, other) => sum + at(other), 0) / neighbours.length;
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const upwards = sweep % 2 === 0;
    for (let nth = 0; nth < rows; nth += 1) {
      for (const lane of cells) {
        const cell = lane[upwards ? nth : rows - 1 - nth] ?? [];
        if (cell.length < 2) continue;
        const want = new Map(cell.map((node) => [node, wish(node, (upwards ? below : above)[node] ?? [])]));
        settle(cell.sort((a, b) => (want.get(a) ?? 0) - (want.get(b) ?? 0) || byName(ids, a, b)));
      }
    }
  }
  return placed(graph, { lanes: laneNames.map((category, lane) => ({ category, columns: columns[lane] ?? 1 })), lane: lanes, row, column, rows, nodeWidth, step });
}

/** Who stands where, in rows and columns. */
export interface Places {
  lanes: readonly { category: string; columns: number }[];
  /** By index of the service. */
  lane: Int32Array;
  row: Int32Array;
  column: Int32Array;
  rows: number;
  nodeWidth: number;
  step: number;
}

/** From rows and columns to the world. */
export function placed({ ids, edges }: Graph, places: Places): Layout {
  const { row, column, rows, nodeWidth, step } = places;
  const pad = padOf(places.lanes.length);
  const height = rows === 0 ? 0 : rows * step - (step - NODE_HEIGHT) + 2 * pad;
  const lanes = lanesOf(places.lanes, nodeWidth, height);
  const x = new Float64Array(ids.length);
  const y = new Float64Array(ids.length);
  for (let node = 0; node < ids.length; node += 1) {
    const lane = lanes[places.lane[node] ?? 0];
    lane?.members.push(node);
    x[node] = (lane?.x ?? 0) + pad + (column[node] ?? 0) * (nodeWidth + GAP_X);
    y[node] = -pad - NODE_HEIGHT - (row[node] ?? 0) * step;
  }
  const last = lanes.at(-1);
  return { ids, x, y, row, column, rows, lanes, edges, width: last ? last.x + last.width : 0, height, nodeWidth, step };
}

function padOf(lanes: number): number {
  return lanes > 1 ? LANE_PAD : 0;
}

function lanesOf(lanes: readonly { category: string; columns: number }[], nodeWidth: number, height: number): Lane[] {
  const pad = padOf(lanes.length);
  let x = 0;
  return lanes.map(({ category, columns }) => {
    const lane: Lane = { category, x, y: -height, width: columns * (nodeWidth + GAP_X) - GAP_X + 2 * pad, height, columns, members: [] };
    x += lane.width + LANE_GAP;
    return lane;
  });
}

/** Longest way down to something that needs nothing. A cycle, which no checked definition has, is cut. */
function depths(below: readonly (readonly number[])[]): Int32Array {
  const depth = new Int32Array(below.length).fill(-1);
  const open = new Uint8Array(below.length);
  for (let start = 0; start < below.length; start += 1) {
    const stack = [start];
    while (stack.length > 0) {
      const at = stack[stack.length - 1] ?? 0;
      if ((depth[at] ?? 0) >= 0) {
        stack.pop();
        continue;
      }
      open[at] = 1;
      let deepest = 0;
      let ready = true;
      for (const need of below[at] ?? []) {
        const known = depth[need] ?? -1;
        if (known >= 0) deepest = Math.max(deepest, known + 1);
        else if (open[need] !== 1) {
          stack.push(need);
          ready = false;
        }
      }
      if (!ready) continue;
      depth[at] = deepest;
      open[at] = 0;
      stack.pop();
    }
  }
  return depth;
}

/** Lanes next to those they have most edges with. */
function orderLanes({ category, below }: Graph): string[] {
  const names = [...new Set(category)].sort();
  const weight = names.map(() => new Float64Array(names.length));
  const at = new Map(names.map((name, nth) => [name, nth]));
  below.forEach((needs, from) => {
    const a = at.get(category[from] ?? "") ?? 0;
    for (const to of needs) {
      const b = at.get(category[to] ?? "") ?? 0;
      if (a === b) continue;
      const [rowA, rowB] = [weight[a], weight[b]];
      if (rowA) rowA[b] = (rowA[b] ?? 0) + 1;
      if (rowB) rowB[a] = (rowB[a] ?? 0) + 1;
    }
  });
  const order: number[] = [];
  for (let lane = 0; lane < names.length; lane += 1) order.splice(cheapest(order, lane, weight), 0, lane);
  // Take each lane out and put it back where it costs least, until nothing gets better.
  for (let round = 0; round < 8; round += 1) {
    let moved = false;
    for (const lane of [...order]) {
      const from = order.indexOf(lane);
      order.splice(from, 1);
      const to = cheapest(order, lane, weight);
      order.splice(to, 0, lane);
      moved ||= to !== from;
    }
    if (!moved) break;
  }
  return order.map((lane) => names[lane] ?? "");
}

function cheapest(order: readonly number[], lane: number, weight: readonly Float64Array[]): number {
  let best = 0;
  let bestCost = Infinity;
  for (let slot = 0; slot <= order.length; slot += 1) {
    const trial = [...order.slice(0, slot), lane, ...order.slice(slot)];
    let cost = 0;
    for (let a = 0; a < trial.length; a += 1) {
      for (let b = a + 1; b < trial.length; b += 1) {
        cost += (b - a) * (weight[trial[a] ?? 0]?.[trial[b] ?? 0] ?? 0);
      }
    }
    if (cost < bestCost) [best, bestCost] = [slot, cost];
  }
  return best;
}

/** The lowest row each service can have, taken in turn; and how many rows that makes. */
function sunk(turns: readonly number[], below: readonly (readonly number[])[], lanes: Int32Array, columns: readonly number[]): { row: Int32Array; rows: number } {
  const row = new Int32Array(turns.length);
  const used: number[][] = columns.map(() => []);
  /** Rows of a lane below this are full. */
  const open = new Int32Array(columns.length);
  let rows = 0;
  for (const at of turns) {
    const lane = lanes[at] ?? 0;
    const [taken, room] = [used[lane] ?? [], columns[lane] ?? 1];
    let low = open[lane] ?? 0;
    for (const need of below[at] ?? []) low = Math.max(low, (row[need] ?? 0) + 1);
    while ((taken[low] ?? 0) >= room) low += 1;
    taken[low] = (taken[low] ?? 0) + 1;
    while ((taken[open[lane] ?? 0] ?? 0) >= room) open[lane] = (open[lane] ?? 0) + 1;
    row[at] = low;
    rows = Math.max(rows, low + 1);
  }
  return { row, rows };
}

function widthOf(columns: readonly number[], pad: number, node: number): number {
  return columns.reduce((sum, n) => sum + n * (node + GAP_X) - GAP_X + 2 * pad + LANE_GAP, -LANE_GAP);
}

function heightOf(rows: number, pad: number): number {
  return rows * (NODE_HEIGHT + GAP_Y) - GAP_Y + 2 * pad;
}

/**
 * How many columns each lane gets, so that the whole is as large as can be in a view of `aspect`. Starts
 * from even row counts and improves by small steps.
 */
export function shape(members: readonly (readonly number[])[], aspect: number, pad: number, pairs: boolean, rowsOf: (columns: readonly number[]) => number): number[] {
  const most = members.map((lane) => Math.max(1, lane.length));
  const score = (columns: readonly number[]): number => {
    const [width, height] = [widthOf(columns, pad, NODE_WIDTH), heightOf(rowsOf(columns), pad)];
    // The zoom at which it fits; of equals, the one with less of both.
    return Math.min(aspect / width, 1 / height) - 1e-9 * (width + height);
  };
  const climb = (from: number[], value: number): { columns: number[]; value: number } => {
    let columns = from;
    // One lane at a time, then two: a long chain runs through several, and one alone changes nothing.
    for (let round = 0; round < ROUNDS; round += 1) {
      let better = false;
      const attempt = (changes: readonly (readonly [number, number])[]): void => {
        const trial = [...columns];
        for (const [lane, step] of changes) trial[lane] = Math.min(most[lane] ?? 1, Math.max(1, (trial[lane] ?? 1) + step));
        if (trial.every((n, at) => n === columns[at])) return;
        const worth = score(trial);
        if (worth <= value) return;
        [columns, value, better] = [trial, worth, true];
      };
      for (let lane = 0; lane < most.length; lane += 1) for (const step of [-1, 1]) attempt([[lane, step]]);
      if (!better && pairs) {
        for (let a = 0; a < most.length; a += 1) {
          for (let b = 0; b < most.length; b += 1) if (a !== b) for (const step of a < b ? [-1, 1] : [-1]) attempt([[a, 1], [b, step]]);
        }
      }
      if (!better) break;
    }
    return { columns, value };
  };
  const starts = Array.from({ length: Math.max(1, ...most) }, (_, rows) => most.map((n) => Math.ceil(n / (rows + 1))))
    .filter((columns, at, all) => columns.some((n, lane) => n !== all[at - 1]?.[lane]))
    .map((columns) => ({ columns, value: score(columns) }))
    .sort((a, b) => b.value - a.value)
    .slice(0, STARTS);
  return starts.map(({ columns, value }) => climb(columns, value)).sort((a, b) => b.value - a.value)[0]?.columns ?? most.map(() => 1);
}

function byName(ids: readonly string[], a: number, b: number): number {
  const [left, right] = [ids[a] ?? "", ids[b] ?? ""];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Names what a layout depends on: two graphs of the same key are laid out the same. */
export function graphKey(nodes: readonly GraphNode[]): string {
  return nodes.map((node) => `${node.id}|${node.category}|${node.needs.join(",")}`).join("\n");
}
