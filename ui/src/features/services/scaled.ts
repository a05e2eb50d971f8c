// How many of a service's instances are healing's doing, in words.

import type { Scaled } from "../../ipc/generated";
import { words } from "../../words";

/** "healing added 1, at most 4"; what it may do while it has done nothing; nothing when it may not. */
export function byHealing(scaled: Scaled | null, most: number | null): string | null {
  if (scaled) return words.services.added(scaled.added, scaled.most);
  return most === null ? null : words.services.mayAdd(most);
}
