import { describe, expect, it } from "vitest";
import { layout, NODE_HEIGHT, type GraphNode } from "./layout";
import { corners, trace } from "./route";

function graph(count: number, lanes: number): GraphNode[] {
  let seed = 42;
  const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
  return Array.from({ length: count }, (_, at) => ({
    id: `service-${at}`,
    category: `category-${Math.floor(random() * lanes)}`,
    needs: at === 0 ? [] : Array.from({ length: Math.floor(random() * 7) }, () => `service-${Math.floor(random() * at * 0.6)}`),
  }));
}

/** Services a line runs across. */
function crossed(placed: ReturnType<typeof layout>, points: readonly number[]): string[] {
  return placed.ids.filter((_id, at) => {
    const [left, top] = [placed.x[at] ?? 0, placed.y[at] ?? 0];
    for (let nth = 0; nth + 3 < points.length; nth += 2) {
      const [x1, y1, x2, y2] = [points[nth] ?? 0, points[nth + 1] ?? 0, points[nth + 2] ?? 0, points[nth + 3] ?? 0];
      const apart =
        Math.max(x1, x2) <= left || Math.min(x1, x2) >= left + placed.nodeWidth || Math.max(y1, y2) <= top || Math.min(y1, y2) >= top + NODE_HEIGHT;
      if (!apart) return true;
    }
    return false;
  });
}

describe("the way of a line", { timeout: 60_000 }, () => {
  it.each([[12, 1], [150, 10]])("runs across no service of %i", (count, lanes) => {
    const placed = layout(graph(count, lanes));
    for (let at = 0; at < placed.edges.length; at += 2) {
      const [from, to] = [placed.edges[at] ?? 0, placed.edges[at + 1] ?? 0];
      expect(crossed(placed, corners(placed, from, to))).toEqual([]);
      // One that was only seen may lead up.
      expect(crossed(placed, corners(placed, to, from))).toEqual([]);
    }
  });

  it("leads to a neighbour of the same row below both", () => {
    const placed = layout(["a", "b", "c"].map((id) => ({ id, category: "x", needs: [] })), 20);
    const points = corners(placed, 0, 2);
    expect(crossed(placed, points)).toEqual([]);
    expect([points[0], points.at(-2)]).toEqual([(placed.x[0] ?? 0) + placed.nodeWidth / 2, (placed.x[2] ?? 0) + placed.nodeWidth / 2]);
  });

  it("goes straight between two that stand one above the other", () => {
    const placed = layout([{ id: "a", category: "x", needs: ["b"] }, { id: "b", category: "x", needs: [] }], 0.5);
    expect(corners(placed, 0, 1)).toHaveLength(4);
  });

  it("rounds corners only as far as there is line", () => {
    const told: number[][] = [];
    const pen = {
      moveTo: (...at: number[]) => told.push(at),
      lineTo: (...at: number[]) => told.push(at),
      quadraticCurveTo: (...at: number[]) => told.push(at),
    };
    trace(pen, [0, 0, 0, 4, 100, 4, 100, 40], 9);
    expect(told).toEqual([[0, 0], [0, 2], [0, 4, 2, 4], [91, 4], [100, 4, 100, 13], [100, 40]]);
  });
});
