import { describe, expect, it } from "vitest";
import { layout, NODE_HEIGHT, type GraphNode } from "./layout";

/** A repeatable graph: `count` services in `lanes` categories and ten ranks, about three needs each. */
function graph(count: number, lanes: number): GraphNode[] {
  let seed = 42;
  const random = (): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed / 2_147_483_648;
  };
  return Array.from({ length: count }, (_, at) => ({
    id: `service-${at}`,
    category: `category-${Math.floor(random() * lanes)}`,
    needs: at === 0 ? [] : Array.from({ length: Math.floor(random() * 7) }, () => `service-${Math.floor(random() * at * 0.6)}`),
  }));
}

function overlaps(nodes: GraphNode[], aspect?: number): number {
  const { x, y, nodeWidth } = layout(nodes, aspect);
  let count = 0;
  for (let a = 0; a < nodes.length; a += 1) {
    for (let b = a + 1; b < nodes.length; b += 1) {
      const apart = Math.abs((x[a] ?? 0) - (x[b] ?? 0)) >= nodeWidth || Math.abs((y[a] ?? 0) - (y[b] ?? 0)) >= NODE_HEIGHT;
      if (!apart) count += 1;
    }
  }
  return count;
}

describe("layout", () => {
  it.each([[0, 1], [1, 1], [3, 1], [12, 3], [150, 10], [1000, 10]])("puts no service of %i on another", (count, lanes) => {
    expect(overlaps(graph(count, lanes))).toBe(0);
    expect(overlaps(graph(count, lanes), 0.7)).toBe(0);
  });

  it("stands every service above all it needs, and inside its lane", () => {
    const nodes = graph(150, 10);
    const placed = layout(nodes);
    for (let at = 0; at < placed.edges.length; at += 2) {
      const [from, to] = [placed.edges[at] ?? 0, placed.edges[at + 1] ?? 0];
      expect((placed.y[from] ?? 0) + NODE_HEIGHT).toBeLessThan(placed.y[to] ?? 0);
    }
    for (const lane of placed.lanes) {
      for (const at of lane.members) {
        expect(nodes[at]?.category).toBe(lane.category);
        expect(placed.x[at]).toBeGreaterThanOrEqual(lane.x);
        expect((placed.x[at] ?? 0) + placed.nodeWidth).toBeLessThanOrEqual(lane.x + lane.width);
      }
    }
  });

  it("gives the same picture for the same graph", () => {
    expect(layout(graph(150, 10))).toEqual(layout(graph(150, 10)));
  });

  it("comes near the shape of the view it is for", () => {
    for (const aspect of [1, 1.6, 2.2]) {
      const { width, height } = layout(graph(150, 10), aspect);
      expect(width / height).toBeGreaterThan(aspect / 1.6);
      expect(width / height).toBeLessThan(aspect * 1.6);
    }
  });

  it("keeps lanes and neighbours when a service is added", () => {
    const nodes = graph(150, 10);
    const before = layout(nodes);
    const after = layout([...nodes, { id: "newcomer", category: "category-3", needs: ["service-1"] }], 1.6, before);
    expect(after.lanes.map((lane) => lane.category)).toEqual(before.lanes.map((lane) => lane.category));
    const rows = (placed: typeof before): Map<string, string[]> => {
      const byRow = new Map<string, { id: string; x: number; y: number }[]>();
      placed.ids.forEach((id, at) => {
        if (id === "newcomer") return;
        const lane = placed.lanes.findIndex((each) => each.members.includes(at));
        const key = `${lane}/${placed.depth[at]}`;
        byRow.set(key, [...(byRow.get(key) ?? []), { id, x: placed.x[at] ?? 0, y: placed.y[at] ?? 0 }]);
      });
      return new Map([...byRow].map(([key, row]) => [key, row.sort((a, b) => a.x - b.x || a.y - b.y).map((each) => each.id)]));
    };
    let moved = 0;
    const old = rows(before);
    for (const [key, row] of rows(after)) if (row.join() !== old.get(key)?.join()) moved += 1;
    expect(moved).toBeLessThanOrEqual(2);
  });

  it("ends on a cycle, which a checked definition never has", () => {
    const placed = layout([
      { id: "a", category: "x", needs: ["b"] },
      { id: "b", category: "x", needs: ["a", "missing"] },
    ]);
    expect(placed.ids).toHaveLength(2);
  });

  it.each([[150, 200], [1000, 1000]])("lays out %i services quickly", (count, limit) => {
    const nodes = graph(count, 10);
    layout(nodes);
    const start = performance.now();
    const placed = layout(nodes);
    const took = performance.now() - start;
    process.stdout.write(`layout of ${count} services, ${placed.edges.length / 2} edges: ${took.toFixed(1)} ms\n`);
    expect(took).toBeLessThan(limit);
  });
});
