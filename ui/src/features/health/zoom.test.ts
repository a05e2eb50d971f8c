import { describe, expect, it } from "vitest";
import { closer, LEAST_MS, part } from "./zoom";

const HOUR = 3_600_000;

describe("a part of the time", () => {
  it("is what was drawn over", () => {
    expect(part(1_000, 1_600, HOUR, 4_000_000)).toEqual({ from: 1_000_000, to: 1_600_000 });
  });

  it("is never shorter than there is anything to see, nor beyond now or the range", () => {
    const short = part(3_999, 4_000, HOUR, 4_000_000);
    expect(short).toEqual({ from: 4_000_000 - LEAST_MS, to: 4_000_000 });
    expect(part(0, 1_000, HOUR, 4_000_000)).toEqual({ from: 400_000, to: 1_400_000 });
  });

  it("is all again when it would be no less than all, or nothing that can be said", () => {
    expect(part(0, 3_600, HOUR, 4_000_000)).toBeNull();
    expect(part(NaN, 3_600, HOUR, 4_000_000)).toBeNull();
  });

  it("comes closer and goes back by keys, around where the cursor is", () => {
    expect(closer([100, 200], 150, "in")).toEqual([125, 175]);
    expect(closer([100, 200], 199, "in")).toEqual([150, 200]);
    expect(closer([125, 175], 150, "out")).toEqual([100, 200]);
  });
});
