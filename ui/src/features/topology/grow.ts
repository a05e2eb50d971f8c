// A picture goes on when its graph changes: whatever can stay does, to the pixel, and only what is new
// or now stands on something that is higher looks for a place.

import { GAP_X, placed, type Graph, type Layout } from "./layout";

/** With more services gone or new than this share of all, people would not know the picture again anyway. */
const MAX_CHANGED = 0.34;
/** Columns of a lane at most, to number its cells. */
const WIDEST = 1 << 16;

/**
 * `graph` with everything where it stood in `previous`, as far as it can be. `turns` is an order in which everything
 * comes after all it needs. `null` when too much is new for that.
 */
export function grown(graph: Graph, turns: readonly number[], previous: Layout): Layout | null {
  const { ids, category, below, above } = graph;
  const was = new Map(previous.ids.map((id, at) => [id, at]));
  const stayed = ids.filter((id) => was.has(id)).length;
  const changed = ids.length - stayed + (previous.ids.length - stayed);
  if (stayed === 0 || changed > Math.max(1, MAX_CHANGED * previous.ids.length)) return null;

  const names = new Set(category);
  const known = previous.lanes.map(({ category, columns }) => ({ category, columns }));
  // A lane that is empty leaves a hole nobody could explain, and the first lane beside a single one its frame.
  if (known.some((lane) => !names.has(lane.category))) return null;
  const fresh = [...names].filter((name) => !known.some((lane) => lane.category === name)).sort();
  if (fresh.length > 0 && known.length === 1) return null;
  const lanes = [...known, ...fresh.map((name) => ({ category: name, columns: Math.ceil(category.filter((each) => each === name).length / Math.max(1, previous.rows)) }))];
  const laneAt = new Map(lanes.map((lane, at) => [lane.category, at]));
  const before = new Map(previous.lanes.flatMap((lane, at) => lane.members.map((member) => [previous.ids[member] ?? "", at] as const)));

  const lane = Int32Array.from(category, (name) => laneAt.get(name) ?? 0);
  const row = new Int32Array(ids.length).fill(-1);
  const column = new Int32Array(ids.length);
  const taken = lanes.map(() => new Set<number>());
  const cell = (row: number, column: number): number => row * WIDEST + column;
  // All who stood here hold their cell until it is their turn; newcomers look for another.
  ids.forEach((id, node) => {
    const old = was.get(id);
    if (old === undefined || before.get(id) !== lane[node]) return;
    row[node] = previous.row[old] ?? 0;
    column[node] = previous.column[old] ?? 0;
    taken[lane[node] ?? 0]?.add(cell(row[node] ?? 0, column[node] ?? 0));
  });

  const left = (node: number): number => (previous.lanes[lane[node] ?? 0]?.x ?? previous.width) + (column[node] ?? 0) * (previous.nodeWidth + GAP_X);
  for (const node of turns) {
    const low = (below[node] ?? []).reduce((most, need) => Math.max(most, (row[need] ?? 0) + 1), 0);
    const here = taken[lane[node] ?? 0] ?? new Set();
    if ((row[node] ?? -1) >= low) continue;
    if ((row[node] ?? -1) >= 0) here.delete(cell(row[node] ?? 0, column[node] ?? 0));
    const columns = lanes[lane[node] ?? 0]?.columns ?? 1;
    const friends = [...(below[node] ?? []), ...(above[node] ?? [])].filter((other) => (row[other] ?? -1) >= 0);
    const wish = friends.length === 0 ? 0 : friends.reduce((sum, other) => sum + left(other), 0) / friends.length;
    for (let at = low; ; at += 1) {
      const free = Array.from({ length: columns }, (_, nth) => nth).filter((nth) => !here.has(cell(at, nth)));
      if (free.length === 0) continue;
      const off = (nth: number): number => {
        column[node] = nth;
        return Math.abs(left(node) - wish);
      };
      row[node] = at;
      column[node] = free.reduce((best, nth) => (off(nth) < off(best) ? nth : best));
      here.add(cell(at, column[node] ?? 0));
      break;
    }
  }
  return placed(graph, { lanes, lane, row, column, rows: row.reduce((most, at) => Math.max(most, at + 1), 0), nodeWidth: previous.nodeWidth, step: previous.step });
}
