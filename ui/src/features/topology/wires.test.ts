import { describe, expect, it } from "vitest";
import type { ObservedConnection } from "../../ipc/generated";
import type { ServiceRow } from "../services/rows";
import { wired } from "./wires";

const row = (name: string, needs: string[], more: Partial<ServiceRow> = {}): ServiceRow => ({ name, needs, state: "ready", impactedBy: null, ...more }) as unknown as ServiceRow;
const seen = (from: string, to: string, declared: string): ObservedConnection => ({ from, to, declared }) as unknown as ObservedConnection;

describe("the graph as rows", () => {
  it("tells both ends of every line, and what was seen and is not declared", () => {
    const found = wired([row("web", ["api", "api"]), row("api", ["db"]), row("db", [])], [seen("web", "api", "need"), seen("web", "db", "no")]);
    expect(found.map(({ row, needs, neededBy, undeclared }) => [row.name, needs, neededBy, undeclared])).toEqual([
      ["api", ["db"], ["web"], []],
      ["db", [], ["api"], []],
      ["web", ["api"], [], ["db"]],
    ]);
  });
  it("puts what is wrong first, then what suffers from it", () => {
    const found = wired([row("a", []), row("web", ["db"], { impactedBy: "db" }), row("db", [], { state: "failing" })], []);
    expect(found.map((each) => each.row.name)).toEqual(["db", "web", "a"]);
  });
});
