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
  let since = 0;
  const look = (): void => {
    callOff?.();
    callOff = null;
    if (page.hidden) {
      since = clock.now();
      callOff = clock.after(ASLEEP_AFTER_MS, () => live.sleep());
    } else live.wake();
  };
  // A hidden page's timers may come much later than asked for. What the feed sends comes at once.
  const unwatch = live.watch(() => {
    if (page.hidden && clock.now() - since >= ASLEEP_AFTER_MS) live.sleep();
  });
  look();
  page.addEventListener("visibilitychange", look);
  return () => {
    callOff?.();
    unwatch();
    page.removeEventListener("visibilitychange", look);
  };
}
