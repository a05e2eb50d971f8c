import { describe, expect, it } from "vitest";
import type { Incident, IncidentEntry } from "../../ipc/generated";
import { listing, story } from "./export";

const incident: Incident = {
  id: 42, cluster: "shop-1", service: "db", instance: "db.0", state: "resolved", cause: "db.0 was ended by SIGKILL",
  impacted: ["api"], actions: [], opened: Date.UTC(2026, 10, 28, 12), resolved: Date.UTC(2026, 10, 28, 12, 0, 3), duration_ms: 3_000,
  began: null, began_by: null, detect_ms: 200, waits: null, person: false, entries: 2,
};
const entry = (n: number, kind: IncidentEntry["kind"], text: string): IncidentEntry => ({ n, at: incident.opened + n, kind, text }) as IncidentEntry;

describe("an incident as Markdown", () => {
  it("tells its facts and its timeline with exact times", () => {
    const text = story("md", incident, [entry(1, "opened", "db.0 was ended by SIGKILL")]);
    expect(text).toContain("# Incident 42: db.0 was ended by SIGKILL");
    expect(text).toContain("- Took: 3.2 s");
    expect(text).toContain("- 2026-11-28T12:00:00.001Z **Detected** db.0 was ended by SIGKILL");
    expect(text).toContain("- api");
  });

  it("lets nothing that a service says become markup", () => {
    const text = story("md", { ...incident, cause: "[click](http://evil) <img src=x> | `x`\n# head" }, [
      entry(1, "log", "```\n<script>alert(1)</script>"),
    ]);
    expect(text.split("\n")[0]).toBe("# Incident 42: \\[click\\](http://evil) \\<img src=x\\> \\| \\`x\\` \\# head");
    expect(text).toContain("  ````text\n  ```\n  <script>alert(1)</script>\n  ````");
  });
});

describe("a list of incidents", () => {
  it("is a table of as many columns in each row, whatever the words", () => {
    const rows = listing("md", [incident, { ...incident, cause: "a | b" }]).trim().split("\n").slice(2);
    const cells = rows.map((row) => row.replaceAll("\\|", "").split("|").length);
    expect(new Set(cells).size).toBe(1);
    expect(rows).toHaveLength(4);
  });

  it("is JSON as the engine told it", () => {
    expect(JSON.parse(listing("json", [incident]))).toEqual({ incidents: [incident] });
    expect(JSON.parse(story("json", incident, []))).toEqual({ incident, timeline: [] });
  });
});
