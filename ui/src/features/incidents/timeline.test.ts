import { expect, test } from "vitest";
import type { IncidentEntry } from "../../ipc/generated";
import { rows } from "./timeline";

const entry = (n: number): IncidentEntry => ({ n, at: n, kind: "probe", text: `line ${n}`, services: [], act: null });

test("what was written stands before what was noted later", () => {
  const [ended, opened] = [{ ...entry(1), at: 10 }, { ...entry(2), at: 10 }];
  const lines = [{ ...entry(3), at: 8, kind: "log" as const }, { ...entry(4), at: 9, kind: "log" as const }];
  const back = { ...entry(5), at: 3 };
  expect(rows([ended, opened, ...lines, back])).toEqual([...lines, ended, opened, back].map((each) => ({ entry: each })));
});

test("what is not kept is said where it was", () => {
  expect(rows([])).toEqual([]);
  expect(rows([entry(1), entry(2)])).toEqual([{ entry: entry(1) }, { entry: entry(2) }]);
  expect(rows([entry(1), entry(5)])).toEqual([{ entry: entry(1) }, { missing: 3, n: 2 }, { entry: entry(5) }]);
  expect(rows([entry(3)])).toEqual([{ missing: 2, n: 1 }, { entry: entry(3) }]);
});
