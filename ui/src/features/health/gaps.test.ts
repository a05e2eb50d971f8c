import type uPlot from "uplot";
import { expect, test } from "vitest";
import { through, throughPasses } from "./gaps";

/** A chart of a second a pixel. */
function chart(times: number[], failed: (number | null)[]): uPlot {
  const data = [times, [], [], failed];
  return { data, posToVal: (at: number) => at } as unknown as uPlot;
}

test("a short time without a measurement is drawn through", () => {
  const gaps: [number, number][] = [[10, 35], [100, 191], [200, 290]];
  expect(through(chart([], []), 1, 0, 0, gaps)).toEqual([[100, 191]]);
});

test("no answer is drawn where probes failed", () => {
  const self = chart([10, 15, 20, 40, 45, 50], [null, 1, 0, null, null, 0]);
  const gaps: [number, number][] = [[10, 20], [40, 50]];
  expect(throughPasses(self, 2, 0, 5, gaps)).toEqual([[10, 20]]);
});
