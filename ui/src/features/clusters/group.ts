// Bringing up a part of a cluster from what is on the page.

import type { Client } from "../../ipc/client";
import type { ClusterView, UpView } from "../../ipc/generated";

/** The services of a category and what they need, as `azora up --category` does. */
export function bringUp(client: Client, { folder, file }: ClusterView, category: string): Promise<UpView> {
  return client.read("up", { folder, ...(file !== undefined && { file }), trust: false, categories: [category] });
}

/** The category that all of these have, where the cluster has others as well. */
export function groupOf(found: readonly { category: string }[], all: readonly { category: string }[]): string | null {
  const category = found[0]?.category;
  if (category === undefined || found.some((each) => each.category !== category)) return null;
  return all.some((each) => each.category !== category) ? category : null;
}
