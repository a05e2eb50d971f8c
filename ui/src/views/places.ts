// The places of the control room, in the order of the rail. One more is its page and a row here.

import type { Component } from "svelte";
import type { ClusterView } from "../ipc/generated";
import type { IconName } from "../shared/Icon.svelte";
import ActivityPage from "./ActivityPage.svelte";
import ClustersPage from "./ClustersPage.svelte";
import DefinitionPage from "./DefinitionPage.svelte";
import IncidentsPage from "./IncidentsPage.svelte";
import LogsPage from "./LogsPage.svelte";
import RegistryPage from "./RegistryPage.svelte";
import ServicePage from "./ServicePage.svelte";
import ServicesPage from "./ServicesPage.svelte";
import SettingsPage from "./SettingsPage.svelte";
import StylePage from "./StylePage.svelte";
import TopologyPage from "./TopologyPage.svelte";

/** What opens over the place. */
export type Dialog = "emergency" | "folder" | "palette" | "keys";

/** What every place is given. */
export interface PageProps {
  cluster: ClusterView | null;
  open: (dialog: Dialog) => void;
}

export interface Place {
  /** The first part of its address. */
  id: string;
  name: string;
  icon: IconName;
  page: Component<PageProps>;
  /** Leads there from everywhere. */
  key?: string;
  /** Not in the rail: it belongs to the place of this id. */
  under?: string;
}

export const PLACES: readonly Place[] = [
  { id: "clusters", name: "Clusters", icon: "clusters", page: ClustersPage, key: "1" },
  { id: "topology", name: "Topology", icon: "topology", page: TopologyPage, key: "2" },
  { id: "services", name: "Services", icon: "services", page: ServicesPage, key: "3" },
  { id: "service", name: "Service", icon: "services", page: ServicePage, under: "services" },
  { id: "logs", name: "Logs", icon: "logs", page: LogsPage, key: "4" },
  { id: "incidents", name: "Incidents", icon: "incidents", page: IncidentsPage, key: "5" },
  { id: "definition", name: "Definition", icon: "definition", page: DefinitionPage, key: "6" },
  { id: "registry", name: "Registry", icon: "registry", page: RegistryPage, key: "7" },
  { id: "activity", name: "Activity", icon: "activity", page: ActivityPage, key: "8" },
  { id: "settings", name: "Settings", icon: "settings", page: SettingsPage, key: "9" },
  // Only where the UI is worked on.
  ...(import.meta.env.DEV || import.meta.env.MODE === "fake" ? [{ id: "style", name: "Style", icon: "settings" as const, page: StylePage, under: "settings" }] : []),
];

/** Those in the rail. */
export const RAIL = PLACES.filter((each) => each.under === undefined);

/** The one with this id, or else the first. */
export function placeOf(id: string): Place {
  return PLACES.find((each) => each.id === id) ?? (PLACES[0] as Place);
}
