import { expect, test } from "vitest";
import { Keys, type Key } from "./keys";
import { cut } from "./cut";

const key = (name: string, more: Partial<Key> = {}): Key => ({ key: name, ctrl: false, shift: false, other: false, ...more });
const ctrl = { ctrl: true };

test("who looks on scrolls, walks on with Tab, and takes the input with a key", () => {
  const keys = new Keys();
  const means = (name: string, more?: Partial<Key>): unknown => keys.means(key(name, more), false);
  expect(means("ArrowUp")).toEqual({ scroll: -1 });
  expect(means("PageDown")).toEqual({ pages: 1 });
  expect(means("Tab")).toBe("page");
  expect(means("Escape")).toBe("page");
  expect(means("k", ctrl)).toBe("page");
  expect(means("c", ctrl)).toBe("copy");
  expect(means("Enter")).toBe("take");
  expect(means("x")).toBe("take");
});

test("who types has all keys but Ctrl-P Ctrl-Q and those for the clipboard", () => {
  const keys = new Keys();
  const means = (name: string, more?: Partial<Key>): unknown => keys.means(key(name, more), true);
  for (const name of ["Tab", "Escape", "Enter", "x", "ArrowUp"]) expect(means(name)).toBe("pass");
  for (const name of ["c", "k", "q"]) expect(means(name, ctrl)).toBe("pass");
  expect(means("p", ctrl)).toBe("pass");
  expect(means("Control")).toBe("pass");
  expect(means("q", ctrl)).toBe("leave");
  expect(means("p", ctrl)).toBe("pass");
  expect(means("x")).toBe("pass");
  expect(means("q", ctrl)).toBe("pass");
  expect(means("C", { ctrl: true, shift: true })).toBe("copy");
});

test("a long paste is cut between characters", () => {
  expect(cut("abc", 10)).toEqual(["abc", ""]);
  expect(cut("abcdef", 4)).toEqual(["abcd", "ef"]);
  expect(cut("ab🚀d", 3)).toEqual(["ab", "🚀d"]);
});
