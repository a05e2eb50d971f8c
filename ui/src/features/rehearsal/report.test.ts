import { describe, expect, it } from "vitest";
import type { RehearsalReport, RehearsalRun, RehearsedService, Weakness } from "../../ipc/generated";
import { compared, harm, headline, nothing, overlayOf, proposed } from "./report";
import { MOST_FAULTS, whole } from "./rehearsal.svelte";

const service = (name: string, availability: number, reasons: RehearsedService["reasons"] = []): RehearsedService => ({
  service: name, availability, away_ms: 0, reasons, faults: 1, recovery_p50_ms: 2_000, recovery_p99_ms: null,
  restarts: 1, needless_restarts: 0, runs: 0, quarantines: 0, added: 0, helped: 0,
});
const run = (availability: number, services: RehearsedService[], more: Partial<RehearsalRun> = {}): RehearsalRun => ({
  availability, recovery_p50_ms: 2_000, recovery_p99_ms: 603_000, restarts: 9, needless_restarts: 0, quarantines: 0, added: 0, helped: 2, lost: [],
  checks: 1, rounds: { due: 1, made: 1, engine_away: 0, skipped: 0 }, services, ...more,
});
const weakness = (more: Partial<Weakness>): Weakness => ({ kind: "need_without_restart", service: "api", text: "", harm: 600_000, harm_after: 22_000, ...more });
const line = { table: "service.api", line: 'needs = [{ service = "db", restart = true }]' };
const report: RehearsalReport = {
  cluster: "shop", seed: 7, faults: 200, simulated_ms: 14_100_000,
  run: run(0.95, [service("api", 0.99), service("web", 0.9, [{ text: "without api", ms: 720_000 }]), service("db", 1)]),
  weaknesses: [weakness({ proposal: line }), weakness({ kind: "no_readiness", harm: 3, harm_after: 3 })],
  mended: run(0.99, [], { recovery_p99_ms: 31_000, restarts: 9, helped: 0 }),
};

describe("what of a rehearsal stands out on the graph", () => {
  const marks = overlayOf(report);

  it("is what has a weakness, however available, and then what fared worse than the average", () => {
    expect([...(marks ?? [])].map(([name, mark]) => [name, mark.look])).toEqual([["api", "weak"], ["web", "lower"], ["db", "steady"]]);
  });
  it("is told with its reason to who does not see it", () => {
    expect(marks?.get("api")?.told).toBe("available 99.00 % in rehearsal, weak spot: need without restart, no readiness");
    expect(marks?.get("web")?.told).toBe("available 90.0 % in rehearsal, mostly without api, 12 min");
    expect(marks?.get("db")?.told).toBe("available 100 % in rehearsal");
  });
});

describe("a cluster of oneshots only", () => {
  const idle = (...names: string[]): RehearsalReport => ({ ...report, faults: 0, run: run(1, names.map((name) => service(name, 1))), weaknesses: [], mended: null });

  it("is not given a clean bill of health: nothing was rehearsed, and it is said why", () => {
    const why = "Nothing to rehearse: faults are given to services that go on running, and";
    expect(nothing(idle("seed", "migrate"))).toBe(`${why} all 2 are oneshots.`);
    expect(nothing(idle("seed"))).toBe(`${why} its only one is a oneshot.`);
    expect(overlayOf(idle("seed", "migrate"))).toBeNull();
    expect(nothing(report)).toBeNull();
  });
});

describe("harm and what mends it", () => {
  it("is counted in time or in times, as its kind has it", () => {
    expect(harm(weakness({ proposal: line }))).toEqual({ before: "10 min", after: "22 s" });
    expect(harm(weakness({ kind: "no_readiness", harm: 3, harm_after: 0, proposal: line }))).toEqual({ before: "3 times", after: "never" });
    expect(harm(weakness({ harm_after: 0, proposal: line })).after).toBe("none");
  });
  it("has no after where nothing can be proposed", () => {
    expect(harm(weakness({ kind: "protected" }))).toEqual({ before: "10 min", after: null });
    expect(proposed(weakness({ kind: "protected" }))).toBeNull();
  });
  it("is copied as it stands in the file", () => {
    expect(proposed(weakness({ proposal: line }))).toBe('[service.api]\nneeds = [{ service = "db", restart = true }]');
  });
});

describe("the two runs side by side", () => {
  it("says which figures are better, each in its own sense", () => {
    const rows = compared(report.run, report.mended);
    const better = (what: string): boolean | undefined => rows.find((row) => row.what === what)?.better;
    expect([better("Available, on average"), better("Time to be back, 99 of 100"), better("Automatic restarts"), better("Times a person had to help")]).toEqual([true, true, false, true]);
  });
  it("is one run where nothing is proposed", () => {
    expect(compared(report.run, null).every((row) => row.after === null && !row.better)).toBe(true);
  });
  it("names the seed, so that it can be done again", () => {
    expect(headline(report)).toBe("3 services against 200 faults in 3 h 55 min of simulated time, seed 7");
  });
});

describe("a number that is typed", () => {
  it("is whole and within its limits, or it is said what it should be", () => {
    expect([whole("200", 1, MOST_FAULTS), whole(" 7 ", 0, 9)]).toEqual([200, 7]);
    for (const text of ["", " ", "0", "-1", "1.5", "1e9", "x", "100001"]) expect(whole(text, 1, MOST_FAULTS)).toBe("A whole number from 1 to 100,000");
  });
});
