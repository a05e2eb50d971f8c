import { describe, expect, it } from "vitest";
import type { Incident } from "../../ipc/generated";
import type { ServiceRow } from "../services/rows";
import { layout } from "./layout";
import type { Overlay } from "./overlay";
import { BACK, IMPACTED, LOOKS, NORMAL, ROOT } from "./scene";
import { statusOf } from "./status";

const made = layout(["a", "b", "c"].map((id) => ({ id, category: "x", needs: [] })), 1);
const rows = made.ids.map((name) => ({ name, state: "ready", wanted: 1, instances: [], latencyMs: 3, held: false, impactedBy: null }) as unknown as ServiceRow);
const overlay: Overlay = new Map([
  ["a", { look: "weak", note: "90.0 %", told: "" }],
  ["b", { look: "lower", note: "91.0 %", told: "" }],
]);
const roles = (status: ReturnType<typeof statusOf>): Record<string, number> => Object.fromEntries(made.ids.map((id, at) => [id, status.emphasis[at] ?? -1]));
const words = (status: ReturnType<typeof statusOf>): Record<string, string> => Object.fromEntries(made.ids.map((id, at) => [id, LOOKS[status.state[at] ?? -1]?.word ?? ""]));

describe("an overlay", () => {
  it("makes what is weak loud, marks what suffers, and lets the rest step back", () => {
    const status = statusOf(made, rows, [], null, overlay);
    expect(roles(status)).toEqual({ a: ROOT, b: IMPACTED, c: BACK });
    expect(words(status)).toEqual({ a: "Weak spot", b: "Below average", c: "Steady" });
    expect(made.ids.map((_, at) => status.note[at])).toEqual(made.ids.map((id) => overlay.get(id)?.note ?? ""));
  });
  it("goes before an incident, and a search before it", () => {
    const incident = { service: "c", impacted: ["a"] } as unknown as Incident;
    expect(roles(statusOf(made, rows, [incident], null, overlay))).toEqual({ a: ROOT, b: IMPACTED, c: BACK });
    expect(roles(statusOf(made, rows, [], new Set(["b"]), overlay))).toEqual({ a: BACK, b: IMPACTED, c: BACK });
  });
  it("leaves nothing behind", () => {
    const status = statusOf(made, rows, [], null);
    expect(roles(status)).toEqual({ a: NORMAL, b: NORMAL, c: NORMAL });
    expect(status.note).toEqual([]);
    expect(words(status)["a"]).toBe("Ready");
  });
});
