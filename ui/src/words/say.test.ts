import type { Snippet } from "svelte";
import { expect, it } from "vitest";
import { say } from "./say";

const piece = (() => undefined) as unknown as Snippet;

it("a sentence keeps its text together around the pieces of the page, so that what is quoted in it is", () => {
  expect(say`${piece} holds ${"3 services"} in \`${"azora.toml"}\`${""}.`).toEqual([piece, " holds 3 services in `azora.toml`."]);
  expect(say`since ${piece}`).toEqual(["since ", piece]);
  expect(say`${piece}${piece}`).toEqual([piece, piece]);
});
