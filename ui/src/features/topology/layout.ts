// Where the services of a cluster stand. Everything stands above all that it needs, what needs nothing
// at the bottom; lanes are the categories. Rows run through all lanes, and each service sinks to the lowest
// row that what it needs lets it have; those that most stands upon go first. So the picture is hardly
// higher than its longest chain, and there is room to write names.
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
  /** How wide each service is: at least `NODE_WIDTH`, more where the view has room to spare. */
  nodeWidth: number;
}

// In world units, which are CSS pixels at zoom 1.
export const NODE_WIDTH = 184;
export const NODE_HEIGHT = 42;
const GAP_X = 10;
const GAP_Y = 13;
const LANE_PAD = 7;
const LANE_GAP = 9;
/** How far services and rows are drawn out to fill the view, as a share of what they need. */
const MAX_STRETCH = 1.6;

const SWEEPS = 6;
/** Bounds on the search for the lanes' widths: it is for a picture, not for a proof. */
const STARTS = 3;
const ROUNDS = 12;
/** Beyond so many services two lanes are not tried at once. */
const MAX_PAIRED = 300;

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
  // Cells fill row by row, so x with a little y is the order services stood in.
  const before = new Map(previous?.ids.map((id, at) => [id, (previous.x[at] ?? 0) + (previous.y[at] ?? 0) * 1e-6]));

  const laneNames = orderLanes(nodes, below, previous);
  const laneOf = new Map(laneNames.map((name, at) => [name, at]));
  const lanes = Int32Array.from(nodes, (node) => laneOf.get(node.category) ?? 0);
  const members: number[][] = laneNames.map(() => []);
  lanes.forEach((lane, at) => members[lane]?.push(at));

  // What carries most goes first; what needs something carries less than that, so this is also an order
  // in which everything comes after all it needs. Newcomers come last among equals: they move little.
  const carried = depths(above);
  const turns = ids.map((_id, at) => at).sort((a, b) => (carried[b] ?? 0) - (carried[a] ?? 0) || Number(before.has(ids[b] ?? "")) - Number(before.has(ids[a] ?? "")) || byName(ids, a, b));
  const sink = (columns: readonly number[]): { row: Int32Array; rows: number } => sunk(turns, below, lanes, columns);

  const pad = laneNames.length > 1 ? LANE_PAD : 0;
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

  const placed: Layout = {
    ids,
    x: new Float64Array(nodes.length),
    y: new Float64Array(nodes.length),
    depth,
    lanes: [],
    edges: Int32Array.from(edges),
    width: 0,
    height: rows === 0 ? 0 : rows * step - (step - NODE_HEIGHT) + 2 * pad,
    nodeWidth,
  };

  let x = 0;
  laneNames.forEach((category, lane) => {
    const inner = (columns[lane] ?? 1) * (nodeWidth + GAP_X) - GAP_X;
    placed.lanes.push({ category, x, y: 0, width: inner + 2 * pad, height: placed.height, members: cells[lane]?.flat() ?? [] });
    x += inner + 2 * pad + LANE_GAP;
  });
  placed.width = Math.max(0, x - LANE_GAP);

  const settle = (lane: number, at: number): void => {
    const left = (placed.lanes[lane]?.x ?? 0) + pad;
    // Rows count from the ground up, pictures from the top down.
    const top = placed.height - pad - NODE_HEIGHT - at * step;
    cells[lane]?.[at]?.forEach((node, nth) => {
      placed.x[node] = left + nth * (nodeWidth + GAP_X);
      placed.y[node] = top;
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
  for (let lane = 0; lane < cells.length; lane += 1) for (let at = 0; at < rows; at += 1) settle(lane, at);
  for (let sweep = 0; sweep < (kept ? 2 : SWEEPS); sweep += 1) {
    const upwards = sweep % 2 === 0;
    for (let nth = 0; nth < rows; nth += 1) {
      const at = upwards ? nth : rows - 1 - nth;
      for (let lane = 0; lane < cells.length; lane += 1) {
        const cell = cells[lane]?.[at] ?? [];
        if (cell.length < 2) continue;
        const want = new Map(cell.map((node) => [node, wish(node, (upwards ? below : above)[node] ?? [])]));
        cell.sort((a, b) => (want.get(a) ?? 0) - (want.get(b) ?? 0) || byName(ids, a, b));
        settle(lane, at);
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
function shape(members: readonly (readonly number[])[], aspect: number, pad: number, pairs: boolean, rowsOf: (columns: readonly number[]) => number): number[] {
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
