import { expect, test } from "vitest";
import { beside, tabOf } from "./tab";

const TABS = [{ id: "overview" }, { id: "logs" }, { id: "history" }];

test("an address that names no tab, or one there is not, leads to the first", () => {
  expect(tabOf(TABS, null).id).toBe("overview");
  expect(tabOf(TABS, "nonsense").id).toBe("overview");
  expect(tabOf(TABS, "logs").id).toBe("logs");
});

test("the tabs go around the ends", () => {
  expect(beside(TABS, "overview", 1).id).toBe("logs");
  expect(beside(TABS, "history", 1).id).toBe("overview");
  expect(beside(TABS, "overview", -1).id).toBe("history");
  expect(beside(TABS, null, -1).id).toBe("history");
});
