import { describe, expect, it } from "vitest";
import type { HistoryPoint, Incident, State } from "../../ipc/generated";
import { begun, CELLS, ofIncidents, ofStates, said, WEEK_MS } from "./strip";

const HOUR = 3_600_000;
const point = (at: number, state: State, probes = 1): HistoryPoint => ({
  at, latency_ms: null, latency_max_ms: null, failed: 0, probes, state, cpu: null, memory: null,
});
const incident = (opened: number, resolved: number | null, person = false): Incident =>
  ({ opened, resolved, person }) as Incident;

describe("a strip of states", () => {
  it("shows the worse taller, and nothing before the first measurement", () => {
    const cells = ofStates([point(2 * HOUR, "stopped", 0), point(4 * HOUR, "ready"), point(6 * HOUR, "failing"), point(8 * HOUR, "stopped", 0)], 2 * HOUR);
    expect(cells.map((cell) => cell.tone)).toEqual(["none", "good", "bad", "calm"]);
    expect(cells[2]?.level).toBeGreaterThan(cells[1]?.level ?? 1);
    expect(cells[2]?.words).toMatch(/failing$/);
    expect(said(cells, "api.0")).toMatch(/^api\.0: trouble in 1 of 3 .*failing$/);
  });
});

describe("the stretch that has begun", () => {
  it("takes in what happens now, and the one before it stays as it was measured", () => {
    const measured = [point(2 * HOUR, "ready"), point(4 * HOUR, "ready")];
    const now = begun(measured, 2 * HOUR, "failing");
    expect(now.map((one) => [one.at / HOUR, one.state])).toEqual([[4, "ready"], [6, "failing"]]);
    expect(measured[1]?.state).toBe("ready");
    expect(begun([], 2 * HOUR, "ready")).toEqual([]);
  });
});

describe("a strip of incidents", () => {
  const now = 100 * WEEK_MS;
  it("counts an incident in each stretch it was open in, to this moment", () => {
    const cells = ofIncidents([incident(now - 5 * HOUR, null), incident(now - 24 * HOUR, now - 24 * HOUR + 1_000, true)], now);
    expect(cells).toHaveLength(CELLS);
    const bad = cells.map((cell, nth) => [nth, cell.tone] as const).filter(([, tone]) => tone !== "good");
    expect(bad).toEqual([[72, "bad"], [81, "warn"], [82, "warn"], [83, "warn"]]);
    expect(cells[83]?.words).toMatch(/1 incident, healed alone$/);
  });
  it("says that all was well", () => {
    expect(said(ofIncidents([], now), "shop")).toBe("shop: well in each of 84 stretches of two hours");
  });
});
