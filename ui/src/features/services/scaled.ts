// How many of a service's instances are healing's doing, in words.

import type { Scaled } from "../../ipc/generated";

/** "healing added 1, at most 4"; what it may do while it has done nothing; nothing when it may not. */
export function byHealing(scaled: Scaled | null, most: number | null): string | null {
  if (scaled) return `healing added ${scaled.added}, at most ${scaled.most}`;
  return most === null ? null : `up to ${most} under load`;
}
