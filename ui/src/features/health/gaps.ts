// Where a line through measurements is broken.

import type uPlot from "uplot";

type Gaps = [from: number, to: number][];
type Refine = (self: uPlot, series: number, from: number, to: number, gaps: Gaps) => Gaps;

/** Measurements come at a pace of their own, and a bucket may be shorter: what is missing for so short a time is drawn through. */
const THROUGH_S = 90;

export const through: Refine = (self, _series, _from, _to, gaps) => gaps.filter(([from, to]) => seconds(self, to) - seconds(self, from) > THROUGH_S);

/** The same of answers to probes: where some failed meanwhile, there were none. */
export const throughPasses: Refine = (self, _series, _from, _to, gaps) => {
  const [times, shares] = [self.data[0], self.data[3] ?? []];
  const failed = (from: number, to: number): boolean => times.some((at, index) => at > from && at < to && (shares[index] ?? 0) > 0);
  return gaps.filter(([from, to]) => seconds(self, to) - seconds(self, from) > THROUGH_S || failed(seconds(self, from), seconds(self, to)));
};

function seconds(self: uPlot, pixel: number): number {
  return self.posToVal(pixel, "x", true);
}
