// How the health and usage charts are drawn, apart from their data.

import type uPlot from "uplot";
import type { State } from "../../ipc/generated";
import { SANS } from "../../shared/fonts";
import { along, clock, UNITS } from "../../shared/format";
import { token } from "../../shared/theme.svelte";
import { through, throughPasses } from "./gaps";
import type { Marked } from "./marked";
import { LEVEL, STATES } from "./states";


const FONT = `11px ${SANS}`;
const DAY_S = 86_400;

/** Height of the band that shows states, in CSS pixels. */
const BAND = 10;

function axes(units: keyof typeof UNITS, size = 56): uPlot.Axis[] {
  const common = { stroke: token("text-3"), font: FONT, ticks: { show: false } } satisfies uPlot.Axis;
  return [
    {
      ...common,
      grid: { show: false },
      space: 70,
      size: 26,
      gap: 8,
      values: (self, splits) => {
        const [from, to] = [self.scales["x"]?.min ?? 0, self.scales["x"]?.max ?? 0];
        return splits.map((at) => (to - from > 2 * DAY_S ? day(at) : clock(at * 1_000).slice(0, to - from > 1_200 ? 5 : 8)));
      },
    },
    {
      ...common,
      size,
      gap: 4,
      space: 26,
      grid: { stroke: token("line"), width: 1 },
      // Beside what was never measured a scale would be made up.
      values: (self, splits) => (self.data[1]?.some((value) => typeof value === "number") === true ? along(splits, UNITS[units]) : splits.map(() => "")),
    },
  ];
}

const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric" });
function day(at: number): string {
  return dayFormat.format(at * 1_000);
}

/** A chart shows a minute at least, so that a few seconds are not drawn as all there is. */
const LEAST_S = 60;
/** From the beginning of the first bucket on. */
function span(bucketS: () => number): uPlot.Range.Function {
  return (_self, min, max) => (Number.isFinite(min) && Number.isFinite(max) ? [min - bucketS(), Math.max(max, min - bucketS() + LEAST_S)] : [min, max]);
}
/** A line through so few points shows them too: one alone would be nothing. */
const FEW = 8;
const dots: uPlot.Series.Points = { show: (self) => self.data[0].length < FEW, size: 5 };

/** From zero to a little over the highest, so that a flat line is not drawn as mountains. */
const fromZero: uPlot.Range.Function = (_self, _min, max) => [0, Number.isFinite(max) && max > 0 ? max * 1.15 : 1];

export function healthChart(
  states: () => readonly State[],
  marks: () => readonly Marked[],
  bucketS: () => number,
): Omit<uPlot.Options, "width" | "height"> {
  const [accent, bad] = [token("accent"), token("bad-mark")];
  return {
    padding: [14, 26, 2, 0],
    scales: { x: { time: true, range: span(bucketS) }, y: { range: fromZero }, share: { range: [0, 1] } },
    axes: axes("latency"),
    series: [
      {},
      { label: "highest", stroke: "transparent", fill: `${accent}22`, points: { show: false }, gaps: throughPasses },
      { label: "median", stroke: accent, width: 1.5, points: dots, gaps: throughPasses },
      { label: "failed", scale: "share", stroke: bad, fill: `${bad}40`, width: 1, points: { show: false }, paths: bars(bucketS) },
    ],
    hooks: {
      draw: [
        (self) => drawBand(self, states(), bucketS()),
        (self) => drawMarks(self, marks()),
      ],
    },
  };
}

/** Failures as bars that stand on the axis; nothing where none failed. */
const bars = (bucketS: () => number): uPlot.Series.PathBuilder => (self, series, from, to) => {
  const path = new Path2D();
  const [times, shares] = [self.data[0], self.data[series]];
  const floor = self.valToPos(0, "share", true);
  const wide = Math.max(2, bucketWidth(self, bucketS()) * 0.8);
  for (let at = from; at <= to; at += 1) {
    const share = shares?.[at];
    if (share === null || share === undefined || share === 0) continue;
    const top = self.valToPos(share, "share", true);
    path.rect(self.valToPos(times[at] ?? 0, "x", true) - wide / 2, top, wide, floor - top);
  }
  return { stroke: path, fill: path };
};

function bucketWidth(self: uPlot, bucketS: number): number {
  const from = self.scales["x"]?.min ?? 0;
  return self.valToPos(from + bucketS, "x", true) - self.valToPos(from, "x", true);
}

function drawBand(self: uPlot, states: readonly State[], bucketS: number): void {
  const { ctx, bbox } = self;
  const scale = devicePixelRatio;
  const times = self.data[0];
  const floor = bbox.top + bbox.height;
  const step = bucketWidth(self, bucketS);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  states.forEach((state, at) => {
    const right = self.valToPos(times[at] ?? 0, "x", true);
    const high = LEVEL[state] * BAND * scale;
    ctx.fillStyle = token(`${STATES[state].tone}-mark`);
    ctx.fillRect(right - step, floor - high, Math.ceil(step) + 0.5, high);
  });
  ctx.restore();
}

/** Healing is a triangle over a dashed line, what others did a diamond over a whole one. */
function drawMarks(self: uPlot, marks: readonly Marked[]): void {
  const { ctx, bbox } = self;
  const scale = devicePixelRatio;
  const [healing, other] = [token("busy-mark"), token("text-2")];
  ctx.save();
  ctx.lineWidth = scale;
  for (const { at, by } of marks) {
    const x = Math.round(self.valToPos(at / 1_000, "x", true)) + 0.5;
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = ctx.fillStyle = by === "healing" ? healing : other;
    ctx.setLineDash(by === "healing" ? [3 * scale, 3 * scale] : []);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.beginPath();
    if (by === "healing") {
      ctx.moveTo(x - 4 * scale, bbox.top - 9 * scale);
      ctx.lineTo(x + 4 * scale, bbox.top - 9 * scale);
      ctx.lineTo(x, bbox.top - 1 * scale);
    } else {
      ctx.moveTo(x, bbox.top - 10 * scale);
      ctx.lineTo(x + 4.5 * scale, bbox.top - 5.5 * scale);
      ctx.lineTo(x, bbox.top - 1 * scale);
      ctx.lineTo(x - 4.5 * scale, bbox.top - 5.5 * scale);
    }
    ctx.fill();
  }
  ctx.restore();
}

export function usageChart(what: "cpu" | "memory", bucketS: () => number): Omit<uPlot.Options, "width" | "height"> {
  const line = token(what === "cpu" ? "good-mark" : "held-mark");
  return {
    padding: [8, 4, 8, 0],
    scales: { x: { time: true, range: span(bucketS) }, y: { range: fromZero } },
    axes: axes(what === "cpu" ? "cpu" : "bytes", 52).map((axis, nth) => (nth === 0 ? { ...axis, show: false } : { ...axis, space: 22 })),
    series: [{}, { stroke: line, width: 1.5, fill: `${line}1f`, points: dots, gaps: through }],
  };
}
