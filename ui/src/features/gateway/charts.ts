// How the charts of a route are drawn, apart from their data.

import type uPlot from "uplot";
import { SANS } from "../../shared/fonts";
import { along, clock, UNITS } from "../../shared/format";
import { token } from "../../shared/theme.svelte";

const FONT = `11px ${SANS}`;
/** A chart shows so much at least, so that a few seconds are not drawn as all there is. */
const LEAST_S = 60;
const RATE_UNITS = [[1_000, "k/s"], [1, "/s"]] as const;

const fromZero: uPlot.Range.Function = (_self, _min, max) => [0, Number.isFinite(max) && max > 0 ? max * 1.15 : 1];
const lately: uPlot.Range.Function = (_self, min, max) => (Number.isFinite(min) && Number.isFinite(max) ? [Math.min(min, max - LEAST_S), max] : [min, max]);

function options(units: readonly (readonly [number, string])[], series: uPlot.Series[]): Omit<uPlot.Options, "width" | "height"> {
  const common = { stroke: token("text-3"), font: FONT, ticks: { show: false } } satisfies uPlot.Axis;
  return {
    padding: [10, 28, 0, 0],
    scales: { x: { time: true, range: lately }, y: { range: fromZero } },
    axes: [
      { ...common, grid: { show: false }, space: 70, size: 24, gap: 6, values: (_self, splits) => splits.map((at) => clock(at * 1_000)) },
      {
        ...common, size: 56, gap: 4, space: 24, grid: { stroke: token("line"), width: 1 },
        values: (self, splits) => (self.data[1]?.some((value) => typeof value === "number") === true ? along(splits, units) : splits.map(() => "")),
      },
    ],
    series: [{}, ...series],
  };
}

/** Requests a second, and those of them that failed. */
export function rateChart(): Omit<uPlot.Options, "width" | "height"> {
  const [line, bad] = [token("accent"), token("bad-mark")];
  return options(RATE_UNITS, [
    { stroke: line, width: 1.5, fill: `${line}1f`, points: { show: false } },
    { stroke: bad, width: 1.5, fill: `${bad}40`, points: { show: false } },
  ]);
}

/** What half of the requests took at most, and 99 of 100. */
export function latencyChart(): Omit<uPlot.Options, "width" | "height"> {
  const [p50, p99] = [token("good-mark"), token("held-mark")];
  return options(UNITS.latency, [
    { stroke: p99, width: 1.25, fill: `${p99}1f`, points: { show: false } },
    { stroke: p50, width: 1.5, points: { show: false } },
  ]);
}
