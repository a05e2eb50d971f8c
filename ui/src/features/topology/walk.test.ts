import { describe, expect, it } from "vitest";
import { layout } from "./layout";
import { back, standing, walk, type Direction, type Place } from "./walk";

const placed = layout([
  { id: "web", category: "edge", needs: ["api", "auth", "cache"] },
  { id: "api", category: "core", needs: ["db"] },
  { id: "auth", category: "core", needs: ["db"] },
  { id: "cache", category: "data", needs: [] },
  { id: "db", category: "data", needs: [] },
]);
const at = (name: string): Place => standing(placed.ids.indexOf(name));
const name = (place: Place): string => placed.ids[place.at] ?? "";
function go(from: string, ...ways: Direction[]): Place {
  return ways.reduce((place, way) => walk(placed, place, way), at(from));
}

describe("walking by keys", () => {
  it("leads down to what is needed and up to what needs it", () => {
    expect(["api", "auth", "cache"]).toContain(name(go("web", "down")));
    expect(name(go("api", "down"))).toBe("db");
    expect(["api", "auth"]).toContain(name(go("db", "up")));
  });

  it("leads sideways through all at the end of the lines one came along, and no farther", () => {
    const first = go("web", "down", "left", "left", "left");
    const seen = [first, walk(placed, first, "right"), walk(placed, walk(placed, first, "right"), "right")];
    expect(seen.map(name).sort()).toEqual(["api", "auth", "cache"]);
    const last = seen[2] ?? first;
    expect(walk(placed, last, "right")).toBe(last);
  });

  it("leads back the way one came", () => {
    const way = go("web", "down", "right");
    expect(name(back(way))).toBe("web");
    expect(name(back(back(go("web", "down", "down"))))).toBe("web");
    expect(back(at("web"))).toEqual(at("web"));
  });

  it("stays where nothing is that way", () => {
    const db = at("db");
    expect(walk(placed, db, "down")).toBe(db);
    const web = at("web");
    expect(walk(placed, web, "up")).toBe(web);
  });
});
