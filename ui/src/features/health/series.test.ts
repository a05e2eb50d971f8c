import { describe, expect, it } from "vitest";
import type { Act, Change, HistoryPoint, Incident, Pulse } from "../../ipc/generated";
import { concerns, marked, told } from "./marked";
import { Series, tighter } from "./series";

const point = (at: number): HistoryPoint => ({
  at, latency_ms: 4, latency_max_ms: 9, failed: 0, probes: 1, state: "ready", cpu: 0.1, memory: 1_000,
});
const pulse = (latencyUs: number, verdict: "pass" | "fail" | "trouble" = "pass"): Pulse => ({
  checked: 1_000,
  usage: { cpu: 0.3, memory: 2_000, processes: 1, files: 0 },
  health: { verdict, detail: "GET /health", latency_us: latencyUs },
});

describe("a series", () => {
  it("adds new measurements to the newest bucket, then opens the next on the same grid", () => {
    const series = new Series({ bucket_ms: 5_000, points: [point(100_000), point(105_000)], marks: [], acts: [] }, 60_000);
    series.pulse(104_000, pulse(8_000), "ready");
    expect(series.columns().latency).toEqual([4, 6]);
    series.pulse(106_000, pulse(20_000), "ready");
    expect(series.columns().times).toEqual([100, 105, 110]);
    expect(series.columns().latency.at(-1)).toBe(20);
  });

  it("counts a repeated probe once, and one that could not ask not at all", () => {
    const series = new Series({ bucket_ms: 5_000, points: [], marks: [], acts: [] }, 60_000);
    series.pulse(1_000, pulse(8_000), "ready");
    series.pulse(2_000, pulse(8_000), "ready");
    series.pulse(3_000, pulse(9_000, "trouble"), "ready");
    expect(series.point(0)?.probes).toBe(1);
    series.pulse(4_000, pulse(7_000, "fail"), "failing");
    expect(series.columns().errors).toEqual([0.5]);
  });

  it("leaves a gap where nothing was measured and lets the oldest go", () => {
    const series = new Series({ bucket_ms: 1_000, points: [point(1_000)], marks: [[900, "restart"]], acts: [] }, 10_000);
    series.pulse(20_500, pulse(1_000), "ready");
    const { times, latency } = series.columns();
    expect(times[0]).toBeGreaterThanOrEqual(10.5);
    expect(times.at(-1)).toBe(21);
    expect(latency.slice(0, -1).every((value) => value === null)).toBe(true);
    expect(series.marks).toEqual([]);
  });

  it("does not grow with a clock that jumps years ahead", () => {
    const series = new Series({ bucket_ms: 1_000, points: [point(1_000)], marks: [], acts: [] }, 10_000);
    series.state(1e13, "ready");
    expect(series.columns().times.length).toBeLessThanOrEqual(12);
  });

  it("begins with the first measurement", () => {
    const blank = (at: number): HistoryPoint => ({ ...point(at), latency_ms: null, latency_max_ms: null, probes: 0, cpu: null, memory: null });
    const history = { bucket_ms: 5_000, points: [blank(5_000), blank(10_000), point(15_000), blank(20_000), point(25_000)], marks: [], acts: [] };
    expect(new Series(history, 60_000).columns().times).toEqual([15, 20, 25]);
    expect(new Series({ ...history, points: [blank(5_000)] }, 60_000).columns().times).toEqual([5]);
  });

  it("is asked for in finer steps while the service is young", () => {
    const history = { bucket_ms: 480_000, points: [point(10_000_000)], marks: [], acts: [] };
    expect(tighter(history, 10_100_000, 86_400_000, [900_000, 3_600_000, 86_400_000])).toBe(900_000);
    expect(tighter(history, 12_500_000, 86_400_000, [900_000, 3_600_000, 86_400_000])).toBe(3_600_000);
    expect(tighter(history, 10_100_000, 900_000, [900_000, 3_600_000])).toBeNull();
    expect(tighter({ ...history, points: [] }, 0, 86_400_000, [900_000])).toBeNull();
  });

  it("goes on in the state it is in, and not in the worst it was in", () => {
    const series = new Series({ bucket_ms: 5_000, points: [{ ...point(5_000), state: "failing" }], marks: [], acts: [] }, 60_000);
    series.state(4_500, "ready");
    series.state(17_000, "failing");
    series.state(17_500, "ready");
    expect(series.columns().states).toEqual(["failing", "ready", "ready", "failing"]);
    expect(series.columns().times).toEqual([5, 10, 15, 20]);
  });

  it("shows the worst state of a bucket", () => {
    const series = new Series({ bucket_ms: 5_000, points: [point(5_000)], marks: [], acts: [] }, 60_000);
    series.state(4_000, "failing");
    series.state(4_500, "ready");
    expect(series.columns().states).toEqual(["failing"]);
  });
});

describe("acts beside a series", () => {
  const act = (id: number, at: number, services: string[], kind: "person" | "healer" = "person"): Act => ({
    id, at, actor: { kind, via: "test" }, verb: "restart", reason: "", outcome: { kind: "pending" },
    target: { cluster: "shop", services, instance: null },
  });

  it("are those of others than healing that concern the instance", () => {
    expect(concerns(act(1, 0, []), "shop", "api.0")).toBe(true);
    expect(concerns(act(1, 0, ["db", "api"]), "shop", "api.0")).toBe(true);
    expect(concerns(act(1, 0, ["db"]), "shop", "api.0")).toBe(false);
    expect(concerns(act(1, 0, ["api"], "healer"), "shop", "api.0")).toBe(false);
    expect(concerns(act(1, 0, ["api"]), "mail", "api.0")).toBe(false);
    expect(concerns({ ...act(1, 0, ["api"]), verb: "attach" }, "shop", "api.0")).toBe(false);
    const whole = { cluster: null, services: [], instance: null };
    expect(concerns({ ...act(1, 0, []), verb: "emergency-stop", target: whole }, "shop", "api.0")).toBe(true);
  });

  it("are kept once each, and go with the time they were in", () => {
    const series = new Series({ bucket_ms: 1_000, points: [point(1_000)], marks: [], acts: [act(1, 900, [])] }, 10_000);
    series.act(act(2, 1_500, []));
    series.act({ ...act(2, 1_500, []), outcome: { kind: "done", detail: "" } });
    expect(series.acts.map((each) => [each.id, each.outcome.kind])).toEqual([[1, "pending"], [2, "done"]]);
    series.pulse(11_200, pulse(1_000), "ready");
    expect(series.acts.map((each) => each.id)).toEqual([2]);
  });

  it("of a part that is looked at closely are those in it, which may still come to their end", () => {
    const part = new Series({ bucket_ms: 1_000, points: [point(1_000)], marks: [], acts: [act(1, 900, [])] }, 1_000, 1_000);
    part.act({ ...act(1, 900, []), outcome: { kind: "done", detail: "" } });
    part.act(act(2, 1_001, []));
    part.mark(1_000, "restart: restart 1 of 5");
    part.mark(1_001, "restart: restart 2 of 5");
    expect(part.acts.map((each) => [each.id, each.outcome.kind])).toEqual([[1, "done"]]);
    expect(part.marks).toEqual([[1_000, "restart: restart 1 of 5"]]);
  });

  it("are heard in the feed, with what healing did", () => {
    const said = (change: unknown): unknown => told(change as Change, "shop", "api.0");
    const actions = [{ at: 900, kind: "restart", detail: "restart 1 of 5" }];
    const incident = { cluster: "shop", instance: "api.0", actions } as unknown as Incident;
    expect(said({ kind: "incident", incident })).toEqual({ marks: [[900, "restart: restart 1 of 5"]], acts: [] });
    expect(said({ kind: "incident", incident: { ...incident, instance: "api.1" } })).toEqual({ marks: [], acts: [] });
    expect(said({ kind: "event", event: { what: { kind: "act", act: act(1, 900, ["api"]) } } })).toEqual({ marks: [], acts: [act(1, 900, ["api"])] });
    expect(said({ kind: "event", event: { what: { kind: "act", act: act(1, 900, ["db"]) } } })).toEqual({ marks: [], acts: [] });
    expect(said({ kind: "event", event: { what: { kind: "notice", text: "x" } } })).toEqual({ marks: [], acts: [] });
  });

  it("are told in words with what healing did, in the order of time", () => {
    const all = marked([[2_000, "restart: restart 1 of 5"]], [{ ...act(1, 900, []), verb: "up", outcome: { kind: "done", detail: "" } }, act(2, 3_000, ["api"])]);
    expect(all.map((each) => [each.at, each.by])).toEqual([[900, "other"], [2_000, "healing"], [3_000, "other"]]);
    expect(all[0]?.text).toMatch(/^definition applied by /);
    expect(all[2]?.text).toMatch(/^restarted by .*, under way$/);
  });
});
