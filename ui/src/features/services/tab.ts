// What a tab of a service is, what every one is given, and how the address leads to one.

import type { Component } from "svelte";
import type { ClusterView, InstanceStatus, ServiceName, ServiceView } from "../../ipc/generated";
import type { ServiceRow } from "./rows";

export interface TabProps {
  cluster: ClusterView;
  /** The service as it is defined. */
  defined: ServiceView;
  row: ServiceRow;
  /** The instance that is looked at; `undefined` when there is none. */
  status: InstanceStatus | undefined;
  onservice: (service: ServiceName) => void;
}

export interface Tab {
  /** In the address: `tab=logs`. */
  id: string;
  name: string;
  tab: Component<TabProps>;
}

/** The one with this id, or else the first. */
export function tabOf<T extends { id: string }>(tabs: readonly T[], id: string | null): T {
  return tabs.find((each) => each.id === id) ?? (tabs[0] as T);
}

/** The one so many further on than the one with this id, around the ends. */
export function beside<T extends { id: string }>(tabs: readonly T[], id: string | null, by: number): T {
  const at = tabs.indexOf(tabOf(tabs, id));
  return tabs[(((at + by) % tabs.length) + tabs.length) % tabs.length] as T;
}
