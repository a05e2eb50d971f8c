// What an edit would do, by kind: what takes something down first.

import type { EditView } from "../../ipc/generated";

export interface Effect {
  kind: "stop" | "restart" | "start" | "adjust";
  services: { name: string; what: readonly string[] }[];
}

export function effects(edit: EditView): Effect[] {
  const plain = (names: readonly string[]): Effect["services"] => names.map((name) => ({ name, what: [] }));
  const all: Effect[] = [
    { kind: "stop", services: plain(edit.removed) },
    { kind: "restart", services: edit.restarted.map(({ service, what }) => ({ name: service, what })) },
    { kind: "start", services: plain(edit.added) },
    { kind: "adjust", services: edit.adjusted.map(({ service, what }) => ({ name: service, what })) },
  ];
  return all.filter((each) => each.services.length > 0);
}
