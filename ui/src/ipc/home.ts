// The picture of a home as the feed draws it: a snapshot once, then changes. Plain data, no host, no
// clock, no framework. Each change carries the whole new thing, so applying one twice does no harm.

import type {
  Act,
  ActId,
  Change,
  ClusterId,
  ClusterView,
  EngineView,
  Event,
  Incident,
  IncidentId,
  InstanceId,
  InstanceStatus,
  Mute,
  ObservedConnection,
  Overall,
  Pulse,
  RegistryView,
  Snapshot,
} from "./generated";

/** The parts of the picture a reader can depend on. */
export const TOPICS = ["engine", "clusters", "instances", "pulses", "connections", "incidents", "events", "registry", "acts", "mutes"] as const;
export type Topic = (typeof TOPICS)[number];

/** Events kept in the page; older ones are asked for with `events`. */
export const MAX_EVENTS = 1_000;
/** Finished incidents kept in the page; open ones are always kept. */
export const MAX_INCIDENTS = 1_000;

export class Home {
  engine: EngineView | null = null;
  overall: Overall = "stopped";
  readonly clusters = new Map<ClusterId, ClusterView>();
  readonly instances = new Map<ClusterId, Map<InstanceId, InstanceStatus>>();
  readonly pulses = new Map<ClusterId, Map<InstanceId, Pulse>>();
  /** Who was seen to talk to whom. */
  readonly connections = new Map<ClusterId, readonly ObservedConnection[]>();
  readonly incidents = new Map<IncidentId, Incident>();
  /** Oldest first. */
  events: Event[] = [];
  readonly registry = new Map<string, RegistryView>();
  /** How many entries the registry has; of many that registered themselves some are shown. */
  registryTotal = 0;
  readonly acts = new Map<ActId, Act>();
  /** What no notification is shown of, the widest first. */
  mutes: readonly Mute[] = [];

  /** Forgets everything and takes this picture instead. */
  load(snapshot: Snapshot): void {
    this.engine = snapshot.engine;
    this.overall = snapshot.overall;
    fill(this.clusters, snapshot.clusters, (cluster) => cluster.id);
    this.instances.clear();
    for (const [cluster, list] of Object.entries(snapshot.instances)) {
      this.instances.set(cluster, new Map((list ?? []).map((status) => [status.instance, status])));
    }
    this.pulses.clear();
    for (const [cluster, pulses] of Object.entries(snapshot.pulses)) {
      this.pulses.set(cluster, new Map(entries(pulses ?? {})));
    }
    this.connections.clear();
    for (const [cluster, list] of entries(snapshot.connections)) this.connections.set(cluster, list);
    fill(this.incidents, snapshot.incidents, (incident) => incident.id);
    fill(this.registry, snapshot.registry, (entry) => registryKey(entry.name, entry.id));
    this.registryTotal = snapshot.registry_total;
    this.mutes = snapshot.mutes;
    this.events = snapshot.events.slice(-MAX_EVENTS);
    for (const event of this.events) {
      if (event.what.kind === "act") this.acts.set(event.what.act.id, event.what.act);
    }
  }

  /** Applies one change and names the topics it touched. */
  apply(change: Change): readonly Topic[] {
    switch (change.kind) {
      case "cluster":
        this.clusters.set(change.cluster.id, change.cluster);
        this.overall = change.overall;
        return ["clusters"];
      case "cluster_state": {
        const known = this.clusters.get(change.cluster);
        this.overall = change.overall;
        if (known) {
          const { held_until: _until, autonomy: _mode, ...rest } = known;
          const { held_until, autonomy } = change;
          this.clusters.set(known.id, {
            ...rest, overall: change.state, reason: change.reason, held: change.held,
            ...(held_until !== undefined && { held_until }), ...(autonomy !== undefined && { autonomy }),
          });
        }
        return ["clusters"];
      }
      case "cluster_removed":
        this.clusters.delete(change.cluster);
        this.instances.delete(change.cluster);
        this.pulses.delete(change.cluster);
        this.connections.delete(change.cluster);
        return ["clusters", "instances", "pulses", "connections"];
      case "instances": {
        const of = child(this.instances, change.cluster);
        for (const status of change.instances) of.set(status.instance, status);
        return ["instances"];
      }
      case "instances_removed": {
        for (const instance of change.instances) {
          this.instances.get(change.cluster)?.delete(instance);
          this.pulses.get(change.cluster)?.delete(instance);
        }
        return ["instances", "pulses"];
      }
      case "pulses": {
        const of = child(this.pulses, change.cluster);
        for (const [instance, pulse] of entries(change.pulses)) of.set(instance, pulse);
        return ["pulses"];
      }
      case "connections":
        this.connections.set(change.cluster, change.connections);
        return ["connections"];
      case "incident":
        this.setIncident(change.incident);
        return ["incidents"];
      case "event": {
        const last = this.events.at(-1);
        if (last && last.seq >= change.event.seq) return [];
        this.events.push(change.event);
        // Cut in large steps, so that a flood of events does not copy the list each time.
        if (this.events.length > MAX_EVENTS * 1.25) this.events = this.events.slice(-MAX_EVENTS);
        if (change.event.what.kind === "act") {
          this.acts.set(change.event.what.act.id, change.event.what.act);
          return ["events", "acts"];
        }
        return ["events"];
      }
      case "mutes":
        this.mutes = change.mutes;
        return ["mutes"];
      case "registry":
        for (const entry of change.upserts) this.registry.set(registryKey(entry.name, entry.id), entry);
        for (const [name, id] of change.removed) this.registry.delete(registryKey(name, id));
        this.registryTotal = change.total;
        return ["registry"];
    }
  }

  private setIncident(incident: Incident): void {
    this.incidents.set(incident.id, incident);
    if (this.incidents.size <= MAX_INCIDENTS) return;
    const finished = [...this.incidents.values()].filter((each) => each.state !== "open").sort((a, b) => a.id - b.id);
    for (const old of finished.slice(0, this.incidents.size - MAX_INCIDENTS)) this.incidents.delete(old.id);
  }
}

function registryKey(name: string, id: string): string {
  return `${name}\n${id}`;
}

function child<K, K2, V>(map: Map<K, Map<K2, V>>, key: K): Map<K2, V> {
  let found = map.get(key);
  if (!found) map.set(key, (found = new Map()));
  return found;
}

function fill<K, V>(map: Map<K, V>, values: readonly V[], key: (value: V) => K): void {
  map.clear();
  for (const value of values) map.set(key(value), value);
}

/** The entries of a JSON object. The generated types say values may be missing; on the wire they are not. */
function entries<V>(object: { [key in string]?: V }): [string, V][] {
  return Object.entries(object) as [string, V][];
}
