import { expect, test } from "vitest";
import { byHealing } from "./scaled";

test("what healing added is said, else what it may, else nothing", () => {
  expect(byHealing({ added: 1, most: 4 }, 4)).toBe("healing added 1, at most 4");
  expect(byHealing(null, 4)).toBe("up to 4 under load");
  expect(byHealing(null, null)).toBeNull();
});
