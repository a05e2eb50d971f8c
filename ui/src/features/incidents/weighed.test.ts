import { expect, test } from "vitest";
import type { Incident } from "../../ipc/generated";
import { weighed } from "./weighed";

const incident = (actions: Incident["actions"]): Incident => ({ actions }) as Incident;

test("what may help is told with how sure that was, and with what it came to", () => {
  const told = weighed(incident([
    { at: 1, kind: "circuit-break", detail: "no traffic" },
    { at: 2, kind: "restart", detail: "restart 1 of 9", cause: "failing", confidence: { worked: 0, of: 0 }, outcome: "did_not_help" },
    { at: 3, kind: "restart", detail: "restart 2 of 9", cause: "ended", confidence: { worked: 1, of: 1 }, outcome: "worked" },
    { at: 4, kind: "restart", detail: "restart 3 of 9", cause: "load", confidence: { worked: 3, of: 4 } },
  ]));
  expect(told.map(({ n, known, outcome }) => [n, known, outcome])).toEqual([
    [1, "no experience with that here yet", "It did not help"],
    [2, "worked the one time before when a process had ended", "It worked"],
    [3, "worked 3 of 4 times before when something was slow under load", "Not known yet"],
  ]);
});
