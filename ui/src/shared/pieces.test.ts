import { expect, test } from "vitest";
import { pieces } from "./pieces";

const plain = (text: string) => ({ text, code: false });
const code = (text: string) => ({ text, code: true });

test("what stands in backquotes is code", () => {
  expect(pieces("exited with code 2; its last words were `error: no queue`")).toEqual([
    plain("exited with code 2; its last words were "),
    code("error: no queue"),
  ]);
  expect(pieces("`azora up` or `azora release api`")).toEqual([code("azora up"), plain(" or "), code("azora release api")]);
});

test("a backquote that nothing ends is a letter", () => {
  expect(pieces("it said `no")).toEqual([plain("it said `no")]);
  expect(pieces("`a` and `")).toEqual([code("a"), plain(" and `")]);
  expect(pieces("")).toEqual([]);
  expect(pieces("``")).toEqual([]);
});
