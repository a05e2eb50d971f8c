// The places of the control room, in the order of the rail.

import type { ClusterView } from "../ipc/generated";
import type { IconName } from "../shared/Icon.svelte";

export type Place = "clusters" | "topology" | "services" | "incidents" | "registry" | "activity" | "settings";

/** What opens over the place. */
export type Dialog = "emergency" | "folder" | "palette" | "keys";

/** What every place is given. */
export interface PageProps {
  cluster: ClusterView | null;
  open: (dialog: Dialog) => void;
}

export const PLACES: readonly { id: Place; name: string; icon: IconName; key: string }[] = [
  { id: "clusters", name: "Clusters", icon: "clusters", key: "1" },
  { id: "topology", name: "Topology", icon: "topology", key: "2" },
  { id: "services", name: "Services", icon: "services", key: "3" },
  { id: "incidents", name: "Incidents", icon: "incidents", key: "4" },
  { id: "registry", name: "Registry", icon: "registry", key: "5" },
  { id: "activity", name: "Activity", icon: "activity", key: "6" },
  { id: "settings", name: "Settings", icon: "settings", key: "7" },
];
