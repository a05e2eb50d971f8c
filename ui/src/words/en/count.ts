// How English counts.

import { numbers, plurals } from "../say";

export const count = plurals("en");
export const number = numbers("en");

/** "a", "a and b", "a, b and c". */
export function list(names: readonly string[]): string {
  return names.length <= 1 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names.at(-1) ?? ""}`;
}
