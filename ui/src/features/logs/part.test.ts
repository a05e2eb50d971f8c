import { describe, expect, it } from "vitest";
import type { LogLine, LogView } from "../../ipc/generated";
import { Part } from "./part";

const line = (instance: string, nth: number, more: Partial<LogLine> = {}): LogLine => ({ offset: nth * 10, end: nth * 10 + 10, at: null, instance, text: `${instance} ${nth}`, ...more });
const lines = (from: number, count: number): LogLine[] => Array.from({ length: count }, (_, nth) => line("api.0", from + nth));
const view = (part: LogLine[], from: number, to: number, end = 10_000): LogView => ({
  lines: part, before: 0, from: { "api.0": from * 10 }, to: { "api.0": to * 10 }, begin: { "api.0": 0 }, end: { "api.0": end },
});
const first = (part: Part): string | undefined => part.lines[0]?.text;
const last = (part: Part): string | undefined => part.lines.at(-1)?.text;

describe("the part of a log in the page", () => {
  it("is one piece, whichever end it grows at, and stays bounded", () => {
    const part = new Part(100);
    part.set(view(lines(500, 80), 500, 580));
    expect(part.above(view(lines(450, 50), 450, 500))).toBe(50);
    expect([part.lines.length, first(part), last(part)]).toEqual([100, "api.0 450", "api.0 549"]);
    expect([part.from, part.to]).toEqual([{ "api.0": 4_500 }, { "api.0": 5_500 }]);
    expect(part.below(view(lines(550, 50), 550, 600))).toBe(50);
    expect([part.lines.length, first(part), last(part)]).toEqual([100, "api.0 500", "api.0 599"]);
    expect([part.from, part.to]).toEqual([{ "api.0": 5_000 }, { "api.0": 6_000 }]);
    expect([part.older, part.newer]).toEqual([true, true]);
  });

  it("takes no followed line twice, and lets old ones go", () => {
    const part = new Part(100);
    part.set(view(lines(0, 10), 0, 10, 100));
    part.follow(lines(5, 10));
    expect(part.lines.map((each) => each.offset)).toEqual(lines(0, 15).map((each) => each.offset));
    for (let at = 15; at < 5_000; at += 50) part.follow(lines(at, 50));
    expect([part.lines.length, last(part), part.from]).toEqual([100, "api.0 5014", { "api.0": 49_150 }]);
    expect([part.older, part.newer]).toEqual([true, false]);
  });

  it("begins anew where lines were passed over, and knows where those are", () => {
    const part = new Part(100);
    part.set(view(lines(0, 10), 0, 10, 100));
    part.follow([line("api.0", 50, { skipped: 400 }), line("api.0", 51)]);
    expect([part.lines.length, part.from, part.to, part.older]).toEqual([2, { "api.0": 500 }, { "api.0": 520 }, true]);
  });

  it("knows of several logs what is above each", () => {
    const part = new Part(3);
    part.set({
      lines: [line("api.0", 0), line("db.0", 0), line("api.0", 1)], before: 0, from: { "api.0": 0, "db.0": 0 }, to: { "api.0": 20, "db.0": 10 },
      begin: { "api.0": 0, "db.0": 0 }, end: { "api.0": 20, "db.0": 20 },
    });
    expect(part.share(0)).toBe(0);
    expect(part.share(2)).toBe(0.5);
    part.follow([line("db.0", 1)]);
    expect([part.from, part.to, part.lines.length]).toEqual([{ "api.0": 10, "db.0": 0 }, { "api.0": 20, "db.0": 20 }, 3]);
    part.follow([line("db.0", 9, { skipped: 70 })]);
    expect([part.from, part.lines.length]).toEqual([{ "api.0": 20, "db.0": 90 }, 1]);
    expect(part.find("db.0", 95)).toBe(0);
  });
});
