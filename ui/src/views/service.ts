// How the address leads to a service and away from it. `service`, `instance` and `tab` mean the same beside
// every place; on the whole page (`/service`) `from` is the place that it was opened from.

import { url } from "../shared/url.svelte";
import { beside } from "../features/services/tab";
import { TABS } from "../features/services/tabs";

const FULL = "service";

/** From the panel to the whole page and back. */
export function toggleFull(): void {
  if (url.place === FULL) url.move(url.get("from") ?? "services", { from: null });
  else url.move(FULL, { from: url.place });
}

/** Closes it; what had the whole page gives way to where it was opened. */
export function closeService(): void {
  const gone = { service: null, instance: null, tab: null, from: null };
  if (url.place === FULL) url.move(url.get("from") ?? "services", gone);
  else url.patch(gone);
}

/** To the tab beside the one that is shown. */
export function nextTab(by: 1 | -1): void {
  url.patch({ tab: beside(TABS, url.get("tab"), by).id }, true);
}
