// From live rows to what the drawing needs: one look per service, and who stands out or steps back.

import type { Incident, ServiceName } from "../../ipc/generated";
import { words } from "../../words";
import { BY_SEVERITY, STATES } from "../health/states";
import type { ServiceRow } from "../services/rows";
import type { Layout } from "./layout";
import { markOf, OVERLAY_LOOKS, type Overlay, type OverlayLook } from "./overlay";
import { BACK, blankStatus, IMPACTED, NORMAL, ROOT, type Status } from "./scene";

const CODE = new Map(BY_SEVERITY.map((state, code) => [state, code]));
/** What a person writes to find all that suffer from another. */
export const IMPACTED_WORD = words.states.impacted.toLowerCase();
const ROLES: Record<OverlayLook, number> = { weak: ROOT, lower: IMPACTED, steady: BACK, unseen: BACK };

export function statusOf(
  layout: Layout,
  rows: readonly ServiceRow[],
  incidents: readonly Incident[],
  matches: ReadonlySet<ServiceName> | null,
  overlay: Overlay | null = null,
): Status {
  const status = blankStatus(layout.ids.length);
  const byName = new Map(rows.map((row) => [row.name, row]));
  const roots = new Set(incidents.map((incident) => incident.service));
  const impacted = new Set(incidents.flatMap((incident) => incident.impacted));
  if (overlay) status.note = layout.ids.map((id) => markOf(overlay, id).note);
  layout.ids.forEach((id, at) => {
    const row = byName.get(id);
    // It is gone, and a picture without it is on its way.
    if (!row) {
      status.state[at] = CODE.get("stopped") ?? 0;
      return;
    }
    status.state[at] = CODE.get(row.state) ?? 0;
    status.replicas[at] = Math.min(255, row.wanted);
    if (overlay) {
      const look = markOf(overlay, id).look;
      status.state[at] = BY_SEVERITY.length + OVERLAY_LOOKS.indexOf(look);
      status.emphasis[at] = matches === null || matches.has(id) ? ROLES[look] : BACK;
      return;
    }
    status.port[at] = row.instances[0]?.ports[0] ?? 0;
    status.latency[at] = row.latencyMs ?? -1;
    status.held[at] = row.held ? 1 : 0;
    const quiet = ["ready", "completed", "scheduled", "stopped"].includes(row.state);
    const role = roots.has(id) ? ROOT : row.impactedBy !== null || impacted.has(id) ? IMPACTED : roots.size > 0 && quiet ? BACK : NORMAL;
    // A search is what a person wants to see now; it goes before the incident.
    status.emphasis[at] = matches === null ? role : matches.has(id) ? (role === BACK ? NORMAL : role) : BACK;
  });
  return status;
}

/** The services a search finds, by name, category, state or "impacted"; `null` while nothing is looked for. */
export function matching(rows: readonly ServiceRow[], search: string): ReadonlySet<ServiceName> | null {
  const text = search.trim().toLowerCase();
  if (text === "") return null;
  const found = (row: ServiceRow): boolean =>
    text === IMPACTED_WORD ? row.impactedBy !== null : row.name.toLowerCase().includes(text) || row.category.toLowerCase().includes(text) || STATES[row.state].word.toLowerCase() === text;
  return new Set(rows.filter(found).map((row) => row.name));
}
