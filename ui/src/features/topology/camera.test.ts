import { describe, expect, it } from "vitest";
import { around, fit, MARGIN, MAX_SCALE, MIN_SCALE, reveal, tethered, zoom } from "./camera";

const view = { width: 1_000, height: 700 };

describe("the camera", () => {
  it("fits a world inside the view, in its middle", () => {
    const world = { x: 0, y: -1_000, width: 4_000, height: 1_000 };
    const camera = fit(world, view);
    expect((0 - camera.x) * camera.scale).toBeGreaterThanOrEqual(0);
    expect((world.width - camera.x) * camera.scale).toBeLessThanOrEqual(view.width);
    const [above, below] = [(world.y - camera.y) * camera.scale, view.height - (0 - camera.y) * camera.scale];
    expect(above - MARGIN.top).toBeCloseTo(below - MARGIN.bottom);
    expect(fit({ x: 0, y: -10, width: 10, height: 10 }, view).scale).toBeLessThan(2);
  });

  it("leaves what lies under the tools free, however many rows they take", () => {
    const world = { x: 0, y: -4_000, width: 1_000, height: 4_000 };
    for (const foot of [0, 32, 72, 112]) {
      const camera = fit(world, { ...view, foot });
      expect((0 - camera.y) * camera.scale).toBeLessThanOrEqual(view.height - Math.max(MARGIN.bottom, foot) + 1e-6);
    }
  });

  it("zooms about the pointer and within bounds", () => {
    const camera = { x: 10, y: 20, scale: 1 };
    const closer = zoom(camera, 2, 300, 200);
    expect(closer.x + 300 / closer.scale).toBeCloseTo(310);
    expect(closer.y + 200 / closer.scale).toBeCloseTo(220);
    expect(zoom(camera, 1e9, 0, 0).scale).toBe(MAX_SCALE);
    expect(zoom(camera, 1e-9, 0, 0).scale).toBe(MIN_SCALE);
  });

  it("reveals what is out of view and does not move for what is in it", () => {
    const camera = { x: 0, y: 0, scale: 1 };
    expect(reveal(camera, { x: 400, y: 300, width: 100, height: 50 }, view)).toEqual(camera);
    const moved = reveal(camera, { x: 2_000, y: 300, width: 100, height: 50 }, view);
    expect(moved.x + view.width).toBeGreaterThanOrEqual(2_100);
  });

  it("looks at what is at the edge without showing the void beyond", () => {
    const camera = around(50, 50, 1, { x: 0, y: 0, width: 4_000, height: 4_000 }, view);
    expect(camera.x).toBeGreaterThan(-100);
    expect(camera.y).toBeGreaterThan(-100);
    const middle = around(2_000, 2_000, 1, { x: 0, y: 0, width: 4_000, height: 4_000 }, view);
    expect([middle.x, middle.y]).toEqual([1_500, 1_650]);
  });

  it("cannot be dragged away from the world", () => {
    const camera = tethered({ x: 1e9, y: -1e9, scale: 1 }, { x: 0, y: 0, width: 500, height: 500 }, view);
    expect(camera.x).toBeLessThan(500);
    expect(camera.y + view.height).toBeGreaterThan(0);
  });
});
