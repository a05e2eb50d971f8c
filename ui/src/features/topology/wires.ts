// Who needs whom and who was seen to talk to whom, as rows: all that the graph shows by its lines.

import type { ObservedConnection, ServiceName } from "../../ipc/generated";
import { compareStates } from "../health/states";
import type { ServiceRow } from "../services/rows";

export interface Wired {
  row: ServiceRow;
  needs: readonly ServiceName[];
  neededBy: readonly ServiceName[];
  /** Those it was seen to talk to and does not declare. */
  undeclared: readonly ServiceName[];
}

/** What is wrong comes first, what suffers from it next. */
export function wired(rows: readonly ServiceRow[], connections: readonly ObservedConnection[]): Wired[] {
  const neededBy = new Map<ServiceName, ServiceName[]>(rows.map((row) => [row.name, []]));
  for (const row of rows) for (const need of new Set(row.needs)) neededBy.get(need)?.push(row.name);
  const undeclared = new Map<ServiceName, ServiceName[]>();
  for (const { from, to, declared } of connections) {
    if (declared === "need") continue;
    undeclared.set(from, [...(undeclared.get(from) ?? []), to]);
  }
  return rows
    .map((row) => ({ row, needs: [...new Set(row.needs)], neededBy: neededBy.get(row.name) ?? [], undeclared: undeclared.get(row.name) ?? [] }))
    .sort((a, b) => compareStates(a.row.state, b.row.state) || Number(b.row.impactedBy !== null) - Number(a.row.impactedBy !== null) || (a.row.name < b.row.name ? -1 : 1));
}
