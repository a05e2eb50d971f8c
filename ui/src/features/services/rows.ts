// A service as people think of it: its definition and its instances together.

import type { ClusterView, InstanceId, InstanceStatus, Pulse, Scaled, Scheduled, ServiceName, State } from "../../ipc/generated";
import { worst } from "../health/states";

export interface ServiceRow {
  name: ServiceName;
  category: string;
  /** The worst of its instances'. */
  state: State;
  /** Of the instance in that state. */
  reason: string;
  next: string | null;
  /** Where its schedule stands, if it has one. */
  schedule: Scheduled | null;
  instances: readonly InstanceStatus[];
  needs: readonly ServiceName[];
  wanted: number;
  /** What healing has added to it. */
  scaled: Scaled | null;
  protected: boolean;
  impactedBy: ServiceName | null;
  held: boolean;
  restarts: number;
  since: number;
  /** Sums over instances; `null` when nothing was measured. */
  cpu: number | null;
  memory: number | null;
  /** Of the slowest instance's last passed probe. */
  latencyMs: number | null;
}

export function serviceRows(
  cluster: ClusterView,
  instances: readonly InstanceStatus[],
  pulses: ReadonlyMap<InstanceId, Pulse>,
): ServiceRow[] {
  const by = new Map<ServiceName, InstanceStatus[]>();
  for (const status of instances) {
    const list = by.get(status.service);
    if (list) list.push(status);
    else by.set(status.service, [status]);
  }
  return cluster.services.map((service) => {
    const mine = (by.get(service.name) ?? []).sort((a, b) => indexOf(a.instance) - indexOf(b.instance));
    const state = worst(mine.map((status) => status.state));
    const shown = mine.find((status) => status.state === state);
    let cpu: number | null = null;
    let memory: number | null = null;
    let latencyMs: number | null = null;
    for (const status of mine) {
      const pulse = pulses.get(status.instance);
      if (!pulse || status.pid === null) continue;
      cpu = (cpu ?? 0) + pulse.usage.cpu;
      memory = (memory ?? 0) + pulse.usage.memory;
      if (pulse.health?.verdict === "pass" || pulse.health?.verdict === "warn") latencyMs = Math.max(latencyMs ?? 0, pulse.health.latency_us / 1_000);
    }
    return {
      name: service.name,
      category: service.category,
      state,
      reason: shown?.reason.text ?? "not started",
      next: shown?.reason.next ?? null,
      schedule: mine.find((status) => status.schedule !== undefined)?.schedule ?? null,
      instances: mine,
      needs: service.needs,
      wanted: service.replicas,
      scaled: mine.find((status) => status.marks.scaled !== undefined)?.marks.scaled ?? null,
      protected: service.protected,
      impactedBy: mine.find((status) => status.marks.impacted_by !== undefined)?.marks.impacted_by ?? null,
      held: mine.some((status) => status.marks.held),
      restarts: mine.reduce((sum, status) => sum + status.restarts, 0),
      since: shown?.since ?? 0,
      cpu,
      memory,
      latencyMs,
    };
  });
}

/** The 1 in `api.1`. */
export function indexOf(instance: InstanceId): number {
  return Number(instance.slice(instance.lastIndexOf(".") + 1));
}
