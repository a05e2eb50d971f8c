import { describe, expect, it } from "vitest";
import { spans } from "../../shared/ansi";
import { asked, cut, marker, marks, wanted } from "./find";

describe("what is looked for", () => {
  it("is a text as it is, or a pattern", () => {
    expect(marks("a.b A.B axb", marker({ text: "a.b", pattern: false }))).toEqual([[0, 3], [4, 7]]);
    expect(marks("a.b axb", marker({ text: "a.b", pattern: true }))).toEqual([[0, 3], [4, 7]]);
    expect(marker({ text: "(?-i)only the engine", pattern: true })).toBeNull();
    expect(marks("aaa", marker({ text: "x*", pattern: true }))).toEqual([]);
    expect([asked({ text: "", pattern: true }), asked({ text: "a", pattern: true }), asked({ text: "a", pattern: false })]).toEqual([{}, { grep: "a" }, { text: "a" }]);
  });

  it("is marked across colours", () => {
    const pieces = spans("it \u001b[31mfai\u001b[0mled twice: fail");
    const found = marks("it failed twice: fail", marker({ text: "fail", pattern: false }));
    const told = cut(pieces, found).map((piece) => [piece.text, piece.marked, piece.look]);
    expect(told).toEqual([["it ", false, ""], ["fai", true, "f1"], ["l", true, ""], ["ed twice: ", false, ""], ["fail", true, ""]]);
    expect(cut(pieces, []).map((piece) => piece.text).join("")).toBe("it failed twice: fail");
  });
});

describe("a place that somebody types", () => {
  const now = new Date(2026, 10, 28, 12, 0, 0).getTime();
  const at = (text: string): string | null => {
    const place = wanted(text, now);
    return place !== null && "at" in place ? new Date(place.at).toTimeString().slice(0, 8) + ` ${new Date(place.at).getDate()}` : null;
  };

  it("is an address, a time or a span", () => {
    expect(wanted("#1024", now)).toEqual({ address: 1_024 });
    expect(wanted("15m", now)).toEqual({ at: now - 900_000 });
    expect(wanted("2 h ago", now)).toEqual({ at: now - 7_200_000 });
    expect(at("11:30")).toBe("11:30:00 28");
    expect(at("13:30:05")).toBe("13:30:05 27");
    expect(at("2026-11-02 08:15")).toBe("08:15:00 2");
    expect([wanted("", now), wanted("soon", now), wanted("25:00", now), wanted("12", now)]).toEqual([null, null, null, null]);
  });
});
