import { expect, it } from "vitest";
import type { Act, Outcome } from "../../ipc/generated";
import { rows } from "./entries";
import { decided, decision, REFUSED, whichOf, why } from "./looks";

function act(id: number, actor: Act["actor"]["kind"], outcome: Outcome, rules: { id: string; says?: string }[] | null): Act {
  return {
    id, at: 0, actor: { kind: actor, via: "cli" }, verb: "stop", target: { cluster: null, services: [], instance: null }, reason: "", outcome,
    ...(rules === null ? {} : { decision: { rules, set: "00" } }),
  };
}

const done: Outcome = { kind: "done", detail: "" };
const refused: Outcome = { kind: "refused", detail: "no rule allows it" };
const ACTS = [
  act(1, "person", done, [{ id: "people-decide", says: "a person may" }]),
  act(2, "healer", done, [{ id: "healing-heals", says: "healing may" }]),
  act(3, "client", refused, [{ id: "programs-register" }]),
  act(4, "client", refused, []),
  act(5, "person", done, null),
];
const ids = (acts: Act[]): number[] => acts.map((each) => each.id);

it("lists what rules decided about, and nothing from before there were any", () => {
  expect(ids(decided(ACTS, "all", "", () => ""))).toEqual([1, 2, 3, 4]);
  expect(ids(decided(ACTS, "refused", "", () => ""))).toEqual([3, 4]);
  expect(ids(decided(ACTS, "automatic", "", () => ""))).toEqual([2]);
});

it("finds by rule, by sentence and by what else is told", () => {
  expect(ids(decided(ACTS, "all", "Healing-H", () => ""))).toEqual([2]);
  expect(ids(decided(ACTS, "all", "a person MAY", () => ""))).toEqual([1]);
  expect(ids(decided(ACTS, "all", "db", (each) => (each.id === 4 ? "stop db" : "")))).toEqual([4]);
});

it("says why by the sentences of rules, or by their names, or that none allows it", () => {
  expect(ACTS.slice(0, 4).map(why)).toEqual(["a person may", "healing may", "programs-register", "no rule allows it"]);
  expect(decision(ACTS[3] as Act)).toBe(REFUSED);
  expect(whichOf("nonsense")).toBe("all");
});

it("lists entries of the ledger newest first, and shows what is none as it stands", () => {
  const text = '{"acts":0,"at":5,"entry":"begun"}\n{"actor":{},"at":7,"entry":"admitted","id":3}\n{"act":3,"entry":"ended"}\nnonsense\n[1]\n';
  const found = rows({ first: 41, last: 45, count: 5, text });
  expect(found.map(({ n, kind, act, at }) => [n, kind, act, at])).toEqual([
    [45, "", null, null], [44, "", null, null], [43, "ended", 3, null], [42, "admitted", 3, 7], [41, "begun", null, 5],
  ]);
  expect(found[1]?.text).toBe("nonsense");
  expect(rows({ first: 0, last: 0, count: 0, text: "" })).toEqual([]);
});
