import { expect, test } from "vitest";
import { groupOf } from "./group";

const of = (...categories: string[]) => categories.map((category) => ({ category }));

test("what is shown is a group when it is of one category and the cluster has others", () => {
  const all = of("data", "data", "web");
  expect(groupOf(of("data", "data"), all)).toBe("data");
  expect(groupOf(of("data", "web"), all)).toBeNull();
  expect(groupOf([], all)).toBeNull();
  expect(groupOf(of("data"), of("data", "data"))).toBeNull();
});
