import { describe, expect, it } from "vitest";
import { opened, opens, Rows } from "./rows";

describe("rows", () => {
  const plain = new Rows(1_000, 20, () => 1);

  it("show what is on screen and nothing else", () => {
    expect(plain.shown({ nth: 10, hidden: 5 }, 100)).toEqual({ from: 10, to: 16 });
    expect(plain.shown({ nth: 998, hidden: 0 }, 100)).toEqual({ from: 998, to: 1_000 });
    expect(new Rows(0, 20, () => 1).shown({ nth: 0, hidden: 0 }, 100)).toEqual({ from: 0, to: 0 });
  });

  it("move by pixels over lines of any height, and stay within what there is", () => {
    expect(plain.move({ nth: 10, hidden: 5 }, 30, 100)).toEqual({ nth: 11, hidden: 15 });
    expect(plain.move({ nth: 1, hidden: 5 }, -100, 100)).toEqual({ nth: 0, hidden: 0 });
    expect(plain.move({ nth: 990, hidden: 0 }, 10_000, 100)).toEqual({ nth: 995, hidden: 0 });
    const open = new Rows(10, 20, (nth) => (nth === 2 ? 30 : 1));
    expect(open.move({ nth: 1, hidden: 0 }, 100, 100)).toEqual({ nth: 2, hidden: 80 });
    expect(open.move({ nth: 2, hidden: 80 }, -90, 100)).toEqual({ nth: 1, hidden: 10 });
    expect(open.lowest(200)).toEqual({ nth: 2, hidden: 540 });
  });

  it("stand at the beginning when there are few", () => {
    expect(new Rows(3, 20, () => 1).move({ nth: 0, hidden: 0 }, 50, 100)).toEqual({ nth: 0, hidden: 0 });
  });
});

describe("a line that is opened", () => {
  it("is JSON by its fields, a long line in pieces, or nothing", () => {
    expect(opened('{"a":1,"b":{"c":"x"}}')).toEqual(["{", '  "a": 1,', '  "b": {', '    "c": "x"', "  }", "}"]);
    expect(opened('INFO got {"a":1}')).toEqual(["{", '  "a": 1', "}"]);
    expect(opened("x".repeat(200))).toEqual(["x".repeat(160), "x".repeat(40)]);
    expect([opened("plain"), opened("{no}"), opened("{}")]).toEqual([null, null, null]);
    expect(opened(JSON.stringify(Array.from({ length: 5_000 }, (_, nth) => nth)))).toHaveLength(400);
    expect([opens('{"a":1}'), opens("plain"), opens("x".repeat(161))]).toEqual([true, false, true]);
  });
});
