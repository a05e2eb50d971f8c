// Where the services of a cluster stand. Everything stands above all that it needs, what needs nothing
// at the bottom; columns are the categories' lanes. Services of one category and one depth form a block;
// blocks sink as low as what they need lets them, so that the picture is no higher than it has to be.
//
// Pure and deterministic: the same graph gives the same picture. States are not an input, so a change
// of state never moves anything. Given the previous layout, lanes keep their order and services
// their neighbours, so that a new service moves little.
//
// Own code because the maintained general layouts (ELK: seconds; dagre: no lanes, minutes at 3,000
// edges) do not place by category and depth at once, and this is a far simpler problem.

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
  /** Indices into `Layout.ids`. */
  members: number[];
}

export interface Layout {
  /** Which service each index means. */
  ids: string[];
  /** Left upper corners, by index. */
  x: Float64Array;
  y: Float64Array;
  /** Depth by index, 0 at the bottom. */
  depth: Int32Array;
  lanes: Lane[];
  /** Pairs: the one that needs, the one that is needed. */
  edges: Int32Array;
  width: number;
  height: number;
}

// In world units, which are CSS pixels at zoom 1.
export const NODE_WIDTH = 184;
export const NODE_HEIGHT = 42;
const GAP_X = 12;
const GAP_Y = 9;
/** Between a block and what it needs, or the block below it. */
const LAYER_GAP = 22;
const LANE_PAD = 12;
const LANE_GAP = 14;

const SWEEPS = 6;
/** Bounds on the search for the lanes' widths: it is for a picture, not for a proof. */
const STARTS = 4;
const ROUNDS = 16;
const MAX_PAIRED = 16;

/**
 * Lays out `nodes` for a view of `aspect` (width by height). `previous` is an earlier layout of
 * the same cluster, if there is one.
 */
export function layout(nodes: readonly GraphNode[], aspect = 1.6, previous?: Layout): Layout {
  const ids = nodes.map((node) => node.id);
  const index = new Map(ids.map((id, at) => [id, at]));
  const below: number[][] = nodes.map((node) =>
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

  const depth = depths(below);
  const layers = nodes.length === 0 ? 0 : Math.max(...depth) + 1;
  // Cells fill column by column, so x with a little y is the order services stood in.
  const before = new Map(previous?.ids.map((id, at) => [id, (previous.x[at] ?? 0) + (previous.y[at] ?? 0) * 1e-6]));

  const laneNames = orderLanes(nodes, below, previous);
  const laneOf = new Map(laneNames.map((name, at) => [name, at]));
  const cells: number[][][] = laneNames.map(() => Array.from({ length: layers }, () => []));
  nodes.forEach((node, at) => {
    cells[laneOf.get(node.category) ?? 0]?.[depth[at] ?? 0]?.push(at);
  });

  const blocks = blocksOf(cells, below, depth, nodes.map((node) => laneOf.get(node.category) ?? 0));
  const columns = shape(blocks, cells, aspect);
  const { bases, height: stack } = sink(blocks, columns);

  const placed: Layout = {
    ids,
    x: new Float64Array(nodes.length),
    y: new Float64Array(nodes.length),
    depth,
    lanes: [],
    edges: Int32Array.from(edges),
    width: 0,
    height: 0,
  };

  const pad = laneNames.length > 1 ? LANE_PAD : 0;
  placed.height = stack + 2 * pad;

  let x = 0;
  laneNames.forEach((category, lane) => {
    const inner = (columns[lane] ?? 1) * (NODE_WIDTH + GAP_X) - GAP_X;
    placed.lanes.push({ category, x, y: 0, width: inner + 2 * pad, height: placed.height, members: cells[lane]?.flat() ?? [] });
    x += inner + 2 * pad + LANE_GAP;
  });
  placed.width = Math.max(0, x - LANE_GAP);

  const settle = (lane: number, layer: number): void => {
    const cell = cells[lane]?.[layer] ?? [];
    const box = placed.lanes[lane];
    if (!box || cell.length === 0) return;
    const room = columns[lane] ?? 1;
    // A small layer in a wide lane stands in one row; a large one fills its rows evenly.
    const high = Math.ceil(cell.length / room);
    const used = Math.ceil(cell.length / high);
    const width = used * (NODE_WIDTH + GAP_X) - GAP_X;
    const left = box.x + (box.width - width) / 2;
    // Heights count from the ground up, pictures from the top down.
    const floor = placed.height - pad - (bases[lane * layers + layer] ?? 0);
    cell.forEach((at, nth) => {
      placed.x[at] = left + Math.floor(nth / high) * (NODE_WIDTH + GAP_X);
      placed.y[at] = floor - NODE_HEIGHT - (high - 1 - (nth % high)) * (NODE_HEIGHT + GAP_Y);
    });
  };

  // Where there was a picture before, the old places are the first order and one sweep puts the
  // newcomers near their neighbours; else barycentres decide over several sweeps, down and up.
  for (const lane of cells) for (const cell of lane) cell.sort((a, b) => byName(ids, a, b));
  const kept = before.size > 0;
  const wish = (at: number, neighbours: readonly number[]): number => {
    const old = before.get(ids[at] ?? "");
    if (kept && old !== undefined) return old;
    if (neighbours.length === 0) return placed.x[at] ?? 0;
    let sum = 0;
    for (const other of neighbours) sum += placed.x[other] ?? 0;
    return sum / neighbours.length;
  };
  for (let lane = 0; lane < cells.length; lane += 1) for (let layer = 0; layer < layers; layer += 1) settle(lane, layer);
  for (let sweep = 0; sweep < (kept ? 2 : SWEEPS); sweep += 1) {
    const upwards = sweep % 2 === 0;
    for (let step = 0; step < layers; step += 1) {
      const layer = upwards ? step : layers - 1 - step;
      for (let lane = 0; lane < cells.length; lane += 1) {
        const cell = cells[lane]?.[layer] ?? [];
        const want = new Map(cell.map((at) => [at, wish(at, (upwards ? below : above)[at] ?? [])]));
        cell.sort((a, b) => (want.get(a) ?? 0) - (want.get(b) ?? 0) || byName(ids, a, b));
        settle(lane, layer);
      }
    }
  }
  return placed;
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

/** Lanes next to those they have most edges with. Known lanes keep their order. */
function orderLanes(nodes: readonly GraphNode[], below: readonly (readonly number[])[], previous?: Layout): string[] {
  const names = [...new Set(nodes.map((node) => node.category))].sort();
  const weight = names.map(() => new Float64Array(names.length));
  const at = new Map(names.map((name, nth) => [name, nth]));
  below.forEach((needs, from) => {
    const a = at.get(nodes[from]?.category ?? "") ?? 0;
    for (const to of needs) {
      const b = at.get(nodes[to]?.category ?? "") ?? 0;
      if (a === b) continue;
      const [rowA, rowB] = [weight[a], weight[b]];
      if (rowA) rowA[b] = (rowA[b] ?? 0) + 1;
      if (rowB) rowB[a] = (rowB[a] ?? 0) + 1;
    }
  });
  const known = (previous?.lanes ?? []).map((lane) => lane.category).filter((name) => at.has(name));
  const order = known.map((name) => at.get(name) ?? 0);
  const fixed = order.length > 0;
  for (let lane = 0; lane < names.length; lane += 1) {
    if (order.includes(lane)) continue;
    order.splice(cheapest(order, lane, weight), 0, lane);
  }
  if (!fixed) {
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

/** The services of one lane and one depth. Their place in the list is lane × depths + depth. */
interface Block {
  lane: number;
  count: number;
  /** Blocks that hold something it needs. */
  on: number[];
}

function blocksOf(cells: readonly (readonly number[][])[], below: readonly (readonly number[])[], depth: Int32Array, lane: readonly number[]): Block[][] {
  const layers = cells[0]?.length ?? 0;
  const on: Set<number>[] = Array.from({ length: cells.length * layers }, () => new Set());
  const block = (at: number): number => (lane[at] ?? 0) * layers + (depth[at] ?? 0);
  below.forEach((needs, from) => {
    for (const to of needs) if ((depth[to] ?? 0) < (depth[from] ?? 0)) on[block(from)]?.add(block(to));
  });
  return cells.map((column, at) => column.map((cell, layer) => ({ lane: at, count: cell.length, on: [...(on[at * layers + layer] ?? [])] })));
}

/** Where each block's lower edge comes to rest, counted upwards from the ground, and how high all of it is. */
function sink(blocks: readonly (readonly Block[])[], columns: readonly number[]): { bases: Float64Array; height: number } {
  const layers = blocks[0]?.length ?? 0;
  const bases = new Float64Array(blocks.length * layers);
  const tops = new Float64Array(blocks.length * layers);
  const stacked = new Float64Array(blocks.length);
  let height = 0;
  for (let layer = 0; layer < layers; layer += 1) {
    for (let lane = 0; lane < blocks.length; lane += 1) {
      const block = blocks[lane]?.[layer];
      if (!block || block.count === 0) continue;
      let base = stacked[lane] ?? 0;
      for (const other of block.on) base = Math.max(base, (tops[other] ?? 0) + LAYER_GAP);
      const top = base + Math.ceil(block.count / (columns[lane] ?? 1)) * (NODE_HEIGHT + GAP_Y) - GAP_Y;
      bases[lane * layers + layer] = base;
      tops[lane * layers + layer] = top;
      stacked[lane] = top + LAYER_GAP;
      height = Math.max(height, top);
    }
  }
  return { bases, height };
}

/**
 * How many columns each lane gets, so that the whole is as large as can be in a view of `aspect`. Starts
 * from even row counts and improves by small steps.
 */
function shape(blocks: readonly (readonly Block[])[], cells: readonly (readonly number[][])[], aspect: number): number[] {
  const most = cells.map((lane) => Math.max(1, ...lane.map((cell) => cell.length)));
  const score = (columns: readonly number[]): number => {
    const width = columns.reduce((sum, n) => sum + n * (NODE_WIDTH + GAP_X) + 2 * LANE_PAD + LANE_GAP, 0);
    const height = sink(blocks, columns).height + 2 * LANE_PAD;
    // The zoom at which it fits; of equals, the one with less of both.
    return Math.min(aspect / width, 1 / height) - 1e-9 * (width + height);
  };
  const climb = (from: number[]): { columns: number[]; value: number } => {
    let columns = from;
    let value = score(columns);
    // One lane at a time, then two: a long chain runs through several, and one alone changes nothing.
    for (let round = 0; round < ROUNDS; round += 1) {
      let better = false;
      const attempt = (changes: readonly (readonly [number, number])[]): void => {
        const trial = [...columns];
        for (const [lane, step] of changes) trial[lane] = Math.min(most[lane] ?? 1, Math.max(1, (trial[lane] ?? 1) + step));
        const worth = score(trial);
        if (worth <= value) return;
        [columns, value, better] = [trial, worth, true];
      };
      for (let lane = 0; lane < most.length; lane += 1) for (const step of [-1, 1]) attempt([[lane, step]]);
      if (!better && most.length <= MAX_PAIRED) {
        for (let a = 0; a < most.length; a += 1) {
          for (let b = 0; b < most.length; b += 1) if (a !== b) for (const step of a < b ? [-1, 1] : [-1]) attempt([[a, 1], [b, step]]);
        }
      }
      if (!better) break;
    }
    return { columns, value };
  };
  const starts = Array.from({ length: Math.max(1, ...most) }, (_, rows) => most.map((n) => Math.ceil(n / (rows + 1))))
    .map((columns) => ({ columns, value: score(columns) }))
    .sort((a, b) => b.value - a.value)
    .slice(0, STARTS);
  return starts.map(({ columns }) => climb(columns)).sort((a, b) => b.value - a.value)[0]?.columns ?? most.map(() => 1);
}

function byName(ids: readonly string[], a: number, b: number): number {
  const [left, right] = [ids[a] ?? "", ids[b] ?? ""];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Names what a layout depends on: two graphs of the same key are laid out the same. */
export function graphKey(nodes: readonly GraphNode[]): string {
  return nodes.map((node) => `${node.id}|${node.category}|${node.needs.join(",")}`).join("\n");
}
