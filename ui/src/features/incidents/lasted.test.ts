import { expect, it } from "vitest";
import { lasted } from "./lasted";

it("is from the beginning of the fault, not from its detection, to its end", () => {
  expect(lasted({ duration_ms: 2_000, detect_ms: 12_400 })).toBe(14_400);
  expect(lasted({ duration_ms: 0, detect_ms: 12_400 })).toBe(12_400);
});

it("is from its detection where it is not known when it began", () => {
  expect(lasted({ duration_ms: 2_000, detect_ms: null })).toBe(2_000);
});

it("is not known while it is open", () => {
  expect(lasted({ duration_ms: null, detect_ms: 12_400 })).toBeNull();
});
