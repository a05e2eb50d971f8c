import { describe, expect, it } from "vitest";
import type { LogLine } from "../../ipc/generated";
import { windowOf } from "../../shared/windowing";
import { LogBuffer, matches } from "./buffer";

const lines = (from: number, count: number): LogLine[] =>
  Array.from({ length: count }, (_, nth) => ({ offset: (from + nth) * 10, end: (from + nth + 1) * 10, at: null, instance: "api.0", text: `line ${from + nth}` }));

describe("the lines in the page", () => {
  it("grow at the end and never hold a line twice", () => {
    const buffer = new LogBuffer(100);
    buffer.append(lines(0, 10));
    buffer.append(lines(5, 10));
    expect(buffer.lines.map((line) => line.offset)).toEqual(lines(0, 15).map((line) => line.offset));
  });

  it("stay bounded while followed, and say that older ones can be had again", () => {
    const buffer = new LogBuffer(100);
    buffer.prepend(lines(0, 1), false);
    expect(buffer.more).toBe(false);
    for (let at = 1; at < 10_000; at += 50) buffer.append(lines(at, 50));
    expect(buffer.lines).toHaveLength(100);
    expect(buffer.lines.at(-1)?.text).toBe("line 10000");
    expect(buffer.more).toBe(true);
  });

  it("grow at the beginning; what falls off the end is known to be missing", () => {
    const buffer = new LogBuffer(100);
    buffer.append(lines(200, 80));
    expect(buffer.prepend(lines(150, 50), true)).toEqual({ above: 50, droppedAbove: 0 });
    expect(buffer.lines).toHaveLength(100);
    expect(buffer.lines[0]?.text).toBe("line 150");
    expect(buffer.cut).toBe(true);
    buffer.append(lines(280, 5));
    expect(buffer.lines.at(-1)?.text).toBe("line 249");
  });

  it("know the beginning of the log when nothing older comes", () => {
    const buffer = new LogBuffer(100);
    buffer.append(lines(0, 10));
    buffer.prepend([], true);
    expect(buffer.more).toBe(false);
  });

  it("can be a part from the middle, to which nothing new is added", () => {
    const buffer = new LogBuffer(100);
    buffer.append(lines(500, 10));
    buffer.jump(lines(40, 20), true);
    buffer.append(lines(510, 5));
    expect([buffer.lines.length, buffer.before, buffer.more, buffer.cut]).toEqual([20, 400, true, true]);
  });
});

describe("search", () => {
  it("finds in any case", () => {
    expect(matches(["Error: x", "fine", "an error"], "ERROR")).toEqual([0, 2]);
    expect(matches(["a"], "")).toEqual([]);
  });
});

describe("the window", () => {
  it("shows what is on screen and a little more, whatever the length", () => {
    expect(windowOf(0, 100, 20, 1_000_000, 2)).toEqual({ from: 0, to: 7, before: 0, total: 20_000_000 });
    const middle = windowOf(10_000, 100, 20, 1_000_000, 2);
    expect([middle.from, middle.to, middle.before]).toEqual([498, 507, 9_960]);
  });

  it("stays inside a list that became shorter than the scroll position", () => {
    expect(windowOf(10_000, 100, 20, 6, 2)).toEqual({ from: 0, to: 6, before: 0, total: 120 });
    expect(windowOf(50, 100, 20, 0, 2)).toEqual({ from: 0, to: 0, before: 0, total: 0 });
  });
});
