import { describe, expect, it } from "vitest";
import { layout } from "./layout";
import { Samples } from "./samples";
import { SAMPLES } from "./scene";

const made = layout([{ id: "api", category: "x", needs: [] }, { id: "db", category: "x", needs: [] }]);
const of = (samples: Samples, name = "api"): number[] => {
  const at = made.ids.indexOf(name) * SAMPLES;
  return [...samples.fill(made).subarray(at, at + SAMPLES)].slice(SAMPLES - 8).map((ms) => Math.round(ms * 1_000) / 1_000);
};

describe("the curve of a service", () => {
  it("takes a probe once, however often its row comes, and knows no more than it can show", () => {
    const samples = new Samples();
    for (const ms of [1, 1, null, null, 2]) samples.push("api", ms);
    expect(of(samples)).toEqual([-1, -1, -1, -1, -1, 1, -1, 2]);
    for (let ms = 0; ms < 100; ms += 1) samples.push("api", ms);
    expect(of(samples)).toEqual([92, 93, 94, 95, 96, 97, 98, 99]);
    expect(samples.fill(made)).toHaveLength(2 * SAMPLES);
  });

  it("begins with what was before, and goes on with what has come meanwhile", () => {
    const samples = new Samples();
    samples.push("api", 4);
    samples.push("db", 9);
    const answer = samples.asking();
    samples.push("api", 5.123);
    samples.push("api", 6);
    answer({ api: [1, null, 3, 4], old: [7] });
    expect(of(samples)).toEqual([-1, -1, 1, -1, 3, 4, 5.123, 6]);
    // Nothing is kept of it, so what was seen here stays.
    expect(of(samples, "db").at(-1)).toBe(9);
  });

  it("takes nothing twice that the answer knows already", () => {
    const samples = new Samples();
    const answer = samples.asking();
    for (const ms of [4.219, 5, 6]) samples.push("api", ms);
    answer({ api: [3, Math.fround(4.219), 5] });
    expect(of(samples)).toEqual([-1, -1, -1, -1, 3, 4.219, 5, 6]);
  });

  it("takes no answer that is of another cluster, or older than another", () => {
    const samples = new Samples();
    const late = samples.asking();
    samples.clear();
    samples.push("api", 2);
    late({ api: [1, 9] });
    expect(of(samples).slice(-2)).toEqual([-1, 2]);
    const older = samples.asking();
    const newer = samples.asking();
    older({ api: [8] });
    newer({ api: [1, 2] });
    expect(of(samples).slice(-2)).toEqual([1, 2]);
  });
});
