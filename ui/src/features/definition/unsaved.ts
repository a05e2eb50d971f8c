// What was typed and not applied, by cluster: it outlasts a look at another place of the page.

import type { ClusterId, DefinitionView } from "../../ipc/generated";

interface Unsaved {
  text: string;
  /** What it is an edit of. */
  read: DefinitionView;
}

const unsaved = new Map<ClusterId, Unsaved>();

export function kept(cluster: ClusterId): Unsaved | undefined {
  return unsaved.get(cluster);
}

export function keep(cluster: ClusterId, edit: Unsaved | null): void {
  if (edit === null) unsaved.delete(cluster);
  else unsaved.set(cluster, edit);
}

// The browser asks before the page goes with it.
addEventListener("beforeunload", (event) => {
  if (unsaved.size > 0) event.preventDefault();
});
