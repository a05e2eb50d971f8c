import { expect, it } from "vitest";
import type { State } from "../../ipc/generated";
import { counted } from "./counted";

const of = (...states: State[]): { well: number; all: number } => counted(states.map((state) => ({ state })));

it("counts what runs well of what is to run", () => {
  expect(of("ready", "completed", "degraded", "waiting")).toEqual({ well: 2, all: 4 });
});

it("does not miss what nobody has asked for", () => {
  expect(of("ready", "stopped")).toEqual({ well: 1, all: 1 });
  expect(of("stopped")).toEqual({ well: 0, all: 0 });
});
