import { describe, expect, it } from "vitest";
import { layout } from "../layout";
import { BACK, blankStatus, COLOURS, IMPACTED, LOOKS, NORMAL, ROOT, type Palette } from "../scene";
import { mermaid } from "./mermaid";
import { sizeOf } from "./png";
import { fileName, type Subject } from "./subject";
import { svg } from "./svg";

const COLOUR = Object.fromEntries(COLOURS.map((name) => [name, `#${name.length.toString(16).padStart(6, "0")}`])) as Palette;
const measure = (text: string): number => text.length * 7;
const code = (word: string): number => LOOKS.findIndex((look) => look.word === word);

function subject(names: readonly [string, string, string]): Subject {
  const [api, db, cache] = names;
  const placed = layout([
    { id: api, category: "edge", needs: [db] },
    { id: db, category: `data "hot" & <cold>`, needs: [] },
    { id: cache, category: `data "hot" & <cold>`, needs: [] },
  ]);
  const status = blankStatus(3);
  const at = (name: string): number => placed.ids.indexOf(name);
  status.state.fill(code("Ready"));
  status.state[at(db)] = code("Failing");
  status.emphasis.set([NORMAL, NORMAL, NORMAL]);
  status.emphasis[at(db)] = ROOT;
  status.emphasis[at(api)] = IMPACTED;
  status.emphasis[at(cache)] = BACK;
  status.port[at(db)] = 5432;
  return { name: "shop <1>", scene: { layout: placed, seen: Int32Array.of(at(api), at(cache)) }, status, at: Date.UTC(2026, 10, 29, 3, 4, 5) };
}

describe("as Mermaid", () => {
  it("tells services by category, needs solid, seen dashed, and who is not well", () => {
    const told = mermaid(subject(["api", "db", "cache"]));
    const { layout: placed } = subject(["api", "db", "cache"]).scene;
    const s = (name: string): string => `s${String(placed.ids.indexOf(name))}`;
    expect(told).toContain("flowchart TB");
    expect(told).toContain(`${s("api")} --> ${s("db")}`);
    expect(told).toContain(`${s("api")} -.-> ${s("cache")}`);
    expect(told).toContain(`${s("db")}["db<br/>Failing"]`);
    expect(told).toContain(`${s("api")}["api<br/>Impacted"]`);
    expect(told).toContain(`${s("cache")}["cache"]`);
    expect(told).toContain(`class ${s("db")} bad`);
    expect(told).toContain(`["data #34;hot#34; #38; #60;cold#62;"]`);
    expect(told).toContain("2026-11-29T03:04:05.000Z");
  });
  it("lets no name become syntax", () => {
    const told = mermaid(subject([`a"]; click s0 "javascript:x" %%`, "end", "c`d\\"]));
    expect(told).toContain(`#34;]#59; click s0 #34;javascript:x#34; %%`);
    // Every quote is one of ours: two a line that has any.
    for (const line of told.split("\n").slice(4)) expect([0, 2]).toContain(line.split('"').length - 1);
  });
});

describe("as SVG", () => {
  it("draws each service once, with its state for who points at it, and both kinds of lines", () => {
    const drawn = svg(subject(["api", "db", "cache"]), COLOUR, measure);
    expect(drawn.match(/<title>(api|db|cache)[:<]/g)).toHaveLength(3);
    expect(drawn).toContain("<title>db: Failing, port 5432</title>");
    expect(drawn).toContain("<title>api: Impacted</title>");
    expect(drawn).toContain("<title>Suffer from what they need</title>");
    expect(drawn).toContain("<title>Seen and not declared</title>");
    expect(drawn).not.toContain("<title>Needs</title>");
    expect(drawn).not.toMatch(/NaN|undefined|Infinity|href|url\(/);
  });
  it("lets no name become markup, and leaves out what XML cannot hold", () => {
    const drawn = svg(subject([`<script>alert("1")</script>`, "b\u0000\ud800&", "c]]>"]), COLOUR, measure);
    expect(drawn).not.toContain("<script");
    expect(drawn).toContain("<title>b&#38;: Failing, port 5432</title>");
    // eslint-disable-next-line no-control-regex -- what it must not hold
    expect(drawn).not.toMatch(/[\u0000\ud800]/);
  });
});

describe("as an image", () => {
  it("is twice as sharp as the screen, unless it would be too large", () => {
    expect(sizeOf(600, 300)).toEqual({ width: 1_264, height: 772, scale: 2 });
    for (const [wide, high] of [[40_000, 300], [300, 90_000], [9_000, 9_000]] as const) {
      const { width, height, scale } = sizeOf(wide, high);
      expect(Math.max(width, height)).toBeLessThanOrEqual(8_192);
      expect(width * height).toBeLessThanOrEqual(32_100_000);
      expect(scale).toBeLessThan(2);
    }
    expect(sizeOf(0, 0).width).toBeGreaterThan(0);
  });
});

it("is named for the cluster and the minute, in letters of every file system", () => {
  expect(fileName(subject(["a", "b", "c"]))).toBe("shop-1-topology-2026-11-29T0304");
});
