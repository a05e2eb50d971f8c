import { describe, expect, it } from "vitest";
import type { Incident } from "../../ipc/generated";
import type { ServiceRow } from "../services/rows";
import { layout } from "./layout";
import { tallied, type Overlay } from "./overlay";
import { BACK, IMPACTED, LOOKS, NORMAL, ROOT } from "./scene";
import { statusOf } from "./status";

const made = layout(["a", "b", "c", "d"].map((id) => ({ id, category: "x", needs: [] })), 1);
const rows = made.ids.map((name) => ({ name, state: "ready", wanted: 1, instances: [], latencyMs: 3, held: false, impactedBy: null }) as unknown as ServiceRow);
const overlay: Overlay = new Map([
  ["a", { look: "weak", note: "90.0 %", told: "" }],
  ["b", { look: "lower", note: "91.0 %", told: "" }],
  ["c", { look: "steady", note: "100 %", told: "" }],
]);
const roles = (status: ReturnType<typeof statusOf>): Record<string, number> => Object.fromEntries(made.ids.map((id, at) => [id, status.emphasis[at] ?? -1]));
const words = (status: ReturnType<typeof statusOf>): Record<string, string> => Object.fromEntries(made.ids.map((id, at) => [id, LOOKS[status.state[at] ?? -1]?.word ?? ""]));

describe("an overlay", () => {
  it("makes what is weak loud, marks what suffers, and lets the rest step back", () => {
    const status = statusOf(made, rows, [], null, overlay);
    expect(roles(status)).toEqual({ a: ROOT, b: IMPACTED, c: BACK, d: BACK });
    expect(Object.fromEntries(made.ids.map((id, at) => [id, status.note[at]]))).toEqual({ a: "90.0 %", b: "91.0 %", c: "100 %", d: "not rehearsed" });
  });
  it("does not call steady what was never rehearsed, and counts it apart", () => {
    expect(words(statusOf(made, rows, [], null, overlay))).toEqual({ a: "Weak spot", b: "Below average", c: "Steady", d: "Not rehearsed" });
    expect(tallied(overlay, made.ids)).toEqual([["weak", 1], ["lower", 1], ["steady", 1], ["unseen", 1]]);
  });
  it("goes before an incident, and a search before it", () => {
    const incident = { service: "c", impacted: ["a"] } as unknown as Incident;
    expect(roles(statusOf(made, rows, [incident], null, overlay))).toEqual({ a: ROOT, b: IMPACTED, c: BACK, d: BACK });
    expect(roles(statusOf(made, rows, [], new Set(["b"]), overlay))).toEqual({ a: BACK, b: IMPACTED, c: BACK, d: BACK });
  });
  it("leaves nothing behind", () => {
    const status = statusOf(made, rows, [], null);
    expect(roles(status)).toEqual({ a: NORMAL, b: NORMAL, c: NORMAL, d: NORMAL });
    expect(status.note).toEqual([]);
    expect(words(status)["a"]).toBe("Ready");
  });
});
