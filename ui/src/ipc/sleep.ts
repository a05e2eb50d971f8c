// A page that nobody sees (the window is in the tray or minimised, the tab is behind others) lets go of the
// feed: nothing is sent, parsed and kept for it. It comes back with one snapshot, as after a lost connection.

import type { Clock, Live } from "./live";

/** So long it must be out of sight: a look at another workspace costs no new snapshot. */
export const ASLEEP_AFTER_MS = 5_000;

/** What is needed of the document. */
export type Page = Pick<Document, "hidden" | "addEventListener" | "removeEventListener">;

/** Puts the feed to sleep while the page is hidden. Returns how to stop doing so. */
export function sleepWhileHidden(live: Live, page: Page, clock: Clock): () => void {
  let callOff: (() => void) | null = null;
  const look = (): void => {
    callOff?.();
    callOff = null;
    if (page.hidden) callOff = clock.after(ASLEEP_AFTER_MS, () => live.sleep());
    else live.wake();
  };
  look();
  page.addEventListener("visibilitychange", look);
  return () => {
    callOff?.();
    page.removeEventListener("visibilitychange", look);
  };
}
