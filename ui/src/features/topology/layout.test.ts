import { describe, expect, it } from "vitest";
import { layout, NODE_HEIGHT, shape, type GraphNode, type Layout } from "./layout";

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

function overlapping({ ids, x, y, nodeWidth }: Layout): number {
  let count = 0;
  for (let a = 0; a < ids.length; a += 1) {
    for (let b = a + 1; b < ids.length; b += 1) {
      const apart = Math.abs((x[a] ?? 0) - (x[b] ?? 0)) >= nodeWidth || Math.abs((y[a] ?? 0) - (y[b] ?? 0)) >= NODE_HEIGHT;
      if (!apart) count += 1;
    }
  }
  return count;
}

/** How many services do not stand above something they need. */
function fallen({ edges, y }: Layout): number {
  let count = 0;
  for (let at = 0; at < edges.length; at += 2) if (!((y[edges[at] ?? 0] ?? 0) + NODE_HEIGHT < (y[edges[at + 1] ?? 0] ?? 0))) count += 1;
  return count;
}

/** Who is in both and stands elsewhere. */
function moved(before: Layout, after: Layout): string[] {
  return after.ids.filter((id, at) => {
    const old = before.ids.indexOf(id);
    return old >= 0 && (before.x[old] !== after.x[at] || before.y[old] !== after.y[at]);
  });
}

// Some of these take seconds where other work has the processors.
describe("layout", { timeout: 60_000 }, () => {
  it.each([[0, 1], [1, 1], [3, 1], [12, 3], [150, 10], [1000, 10]])("puts no service of %i on another", (count, lanes) => {
    expect(overlapping(layout(graph(count, lanes)))).toBe(0);
    expect(overlapping(layout(graph(count, lanes), 0.7))).toBe(0);
  });

  it("stands every service above all it needs, and inside its lane", () => {
    const nodes = graph(150, 10);
    const placed = layout(nodes);
    expect(fallen(placed)).toBe(0);
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

  it.each([150, 1000])("moves nothing when a service is added to %i, or one goes", (count) => {
    const nodes = graph(count, 10);
    const before = layout(nodes);
    for (const after of [
      layout([...nodes, { id: "newcomer", category: "category-3", needs: ["service-1"] }], 1.6, before),
      layout(nodes.filter((node) => node.id !== "service-7"), 1.6, before),
    ]) {
      expect(moved(before, after)).toEqual([]);
    }
    const added = layout([...nodes, { id: "newcomer", category: "category-3", needs: ["service-1"] }], 1.6, before);
    expect(added.ids).toContain("newcomer");
  });

  it("moves only what now stands on something higher, and what stands upon that", () => {
    const nodes = graph(150, 10);
    const before = layout(nodes);
    const upon = new Set(["service-40"]);
    for (let size = 0; size !== upon.size; ) {
      size = upon.size;
      for (const node of nodes) if (node.needs.some((need) => upon.has(need))) upon.add(node.id);
    }
    // Somewhat higher, and not standing on it already, or the two would need each other.
    const rowOf = (id: string): number => before.row[before.ids.indexOf(id)] ?? 0;
    const other = before.ids.filter((id) => !upon.has(id) && rowOf(id) > rowOf("service-40")).sort((a, b) => rowOf(a) - rowOf(b))[0] ?? "";
    const changed = nodes.map((node) => (node.id === "service-40" ? { ...node, needs: [other] } : node));
    const after = layout(changed, 1.6, before);
    const went = moved(before, after);
    expect(went).toContain("service-40");
    expect(went.filter((id) => !upon.has(id))).toEqual([]);
    expect(fallen(after)).toBe(0);
  });

  it("stays a good picture over many changes", () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
    let nodes = graph(150, 10);
    let placed = layout(nodes);
    for (let turn = 0; turn < 80; turn += 1) {
      if (random() < 0.5) {
        const low = nodes[Math.floor(random() * nodes.length)]?.id ?? "";
        nodes = [...nodes, { id: `new-${turn}`, category: `category-${Math.floor(random() * 11)}`, needs: [low] }];
      } else {
        const gone = nodes[Math.floor(random() * nodes.length)]?.id;
        nodes = nodes.filter((node) => node.id !== gone).map((node) => ({ ...node, needs: node.needs.filter((need) => need !== gone) }));
      }
      placed = layout(nodes, 1.6, placed);
      expect(fallen(placed)).toBe(0);
    }
    expect(overlapping(placed)).toBe(0);
    const anew = layout(nodes);
    const scale = ({ width, height }: Layout): number => Math.min(1.6 / width, 1 / height);
    expect(scale(placed)).toBeGreaterThan(scale(anew) / 1.4);
  });

  it("begins anew when most is another", () => {
    const before = layout(graph(150, 10));
    const other = graph(150, 10).map(({ id, category, needs }) => ({ id: `x${id}`, category, needs: needs.map((need) => `x${need}`) }));
    expect(layout(other, 1.6, before)).toEqual(layout(other));
  });

  it("ends on a cycle, which a checked definition never has", () => {
    const placed = layout([
      { id: "a", category: "x", needs: ["b"] },
      { id: "b", category: "x", needs: ["a", "missing"] },
    ]);
    expect(placed.ids).toHaveLength(2);
  });

  // How long a layout takes is how many shapes are tried: each is one walk over all lines. The time itself is the bench's.
  it.each([[150, true], [1000, false], [10_000, false]])("tries few shapes for %i services", (count, pairs) => {
    const members: number[][] = Array.from({ length: 10 }, () => []);
    for (let at = 0; at < count; at += 1) members[(at * at + at) % 7 === 0 ? 0 : at % 10]?.push(at);
    let tried = 0;
    const columns = shape(members, 1.6, 7, pairs, (trial) => {
      tried += 1;
      return Math.max(...trial.map((wide, lane) => Math.ceil((members[lane]?.length ?? 0) / wide)));
    });
    expect(columns.every((wide) => wide >= 1)).toBe(true);
    expect(tried).toBeLessThan(1_000);
  });
});
