// The places of the control room, in the order of the rail. One more is its page and a row here.

import type { Component } from "svelte";
import type { ClusterView } from "../ipc/generated";
import type { IconName } from "../shared/Icon.svelte";
import ActivityPage from "./ActivityPage.svelte";
import ClustersPage from "./ClustersPage.svelte";
import DefinitionPage from "./DefinitionPage.svelte";
import GatewayPage from "./GatewayPage.svelte";
import GovernancePage from "./GovernancePage.svelte";
import IncidentsPage from "./IncidentsPage.svelte";
import LogsPage from "./LogsPage.svelte";
import RegistryPage from "./RegistryPage.svelte";
import ServicePage from "./ServicePage.svelte";
import ServicesPage from "./ServicesPage.svelte";
import SettingsPage from "./SettingsPage.svelte";
import StylePage from "./StylePage.svelte";
import TopologyPage from "./TopologyPage.svelte";
import { words } from "../words";

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
  /** It shows the whole home, whatever cluster the address names. */
  home?: true;
}

export const PLACES: readonly Place[] = [
  { id: "clusters", name: words.views.places.clusters, icon: "clusters", page: ClustersPage, key: "1", home: true },
  { id: "topology", name: words.views.places.topology, icon: "topology", page: TopologyPage, key: "2" },
  { id: "services", name: words.views.places.services, icon: "services", page: ServicesPage, key: "3" },
  { id: "service", name: words.views.places.service, icon: "services", page: ServicePage, under: "services" },
  { id: "logs", name: words.views.places.logs, icon: "logs", page: LogsPage, key: "4" },
  { id: "incidents", name: words.views.places.incidents, icon: "incidents", page: IncidentsPage, key: "5" },
  { id: "definition", name: words.views.places.definition, icon: "definition", page: DefinitionPage, key: "6" },
  { id: "registry", name: words.views.places.registry, icon: "registry", page: RegistryPage, key: "7" },
  { id: "gateway", name: words.views.places.gateway, icon: "gateway", page: GatewayPage, key: "0" },
  { id: "governance", name: words.views.places.governance, icon: "governance", page: GovernancePage, key: "g", home: true },
  { id: "activity", name: words.views.places.activity, icon: "activity", page: ActivityPage, key: "8" },
  { id: "settings", name: words.views.places.settings, icon: "settings", page: SettingsPage, key: "9", home: true },
  // Only where the UI is worked on.
  ...(import.meta.env.DEV || import.meta.env.MODE === "fake" ? [{ id: "style", name: words.views.places.style, icon: "settings" as const, page: StylePage, under: "settings", home: true as const }] : []),
];

/** Those in the rail. */
export const RAIL = PLACES.filter((each) => each.under === undefined);

/** The one with this id, or else the first. */
export function placeOf(id: string): Place {
  return PLACES.find((each) => each.id === id) ?? (PLACES[0] as Place);
}
