// The live picture for Svelte: what an effect or template reads here is read again when it changes.
// Lists are made once per change, so that equal means the same object.

import { createSubscriber } from "svelte/reactivity";
import type {
  Act, ClusterId, ClusterView, EngineView, Event, Incident, InstanceId, InstanceStatus, Mute, ObservedConnection, Overall,
  Pulse, RegistryView,
} from "./generated";
import type { Topic } from "./home";
import type { Connection, Live } from "./live";

export class Reader {
  private readonly topics = new Map<Topic | "connection", () => void>();
  private readonly versions = new Map<Topic, number>();
  private readonly made = new Map<string, { version: number; value: unknown }>();

  constructor(private readonly live: Live) {}

  get connection(): Connection {
    this.depend("connection");
    return this.live.connection;
  }
  /** Counts the snapshots; moves when everything may have changed. */
  get pictures(): number {
    this.depend("connection");
    return this.live.pictures;
  }
  get engine(): EngineView | null {
    this.depend("engine");
    return this.live.home.engine;
  }
  get overall(): Overall {
    this.depend("clusters");
    return this.live.home.overall;
  }
  /** By name. */
  get clusters(): readonly ClusterView[] {
    return this.make("clusters", "clusters", () =>
      [...this.live.home.clusters.values()].sort((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id)),
    );
  }
  instances(cluster: ClusterId): readonly InstanceStatus[] {
    return this.make("instances", `instances/${cluster}`, () => [...(this.live.home.instances.get(cluster)?.values() ?? [])]);
  }
  pulses(cluster: ClusterId): ReadonlyMap<InstanceId, Pulse> {
    return this.make("pulses", `pulses/${cluster}`, () => new Map(this.live.home.pulses.get(cluster)));
  }
  /** Who was seen to talk to whom, by who opens the connections. */
  connections(cluster: ClusterId): readonly ObservedConnection[] {
    return this.make("connections", `connections/${cluster}`, () => this.live.home.connections.get(cluster) ?? []);
  }
  /** Newest first. */
  get incidents(): readonly Incident[] {
    return this.make("incidents", "incidents", () => [...this.live.home.incidents.values()].sort((a, b) => b.opened - a.opened || b.id - a.id));
  }
  /** Oldest first. */
  get events(): readonly Event[] {
    return this.make("events", "events", () => [...this.live.home.events]);
  }
  /** Newest first. */
  get acts(): readonly Act[] {
    return this.make("acts", "acts", () => [...this.live.home.acts.values()].sort((a, b) => b.id - a.id));
  }
  /** What no notification is shown of, the widest first. */
  get mutes(): readonly Mute[] {
    this.depend("mutes");
    return this.live.home.mutes;
  }
  /** By name. */
  get registry(): readonly RegistryView[] {
    return this.make("registry", "registry", () =>
      [...this.live.home.registry.values()].sort((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id)),
    );
  }

  /** How many entries the registry has; not all of many are shown. */
  get registryTotal(): number {
    this.depend("registry");
    return this.live.home.registryTotal;
  }

  private depend(topic: Topic | "connection"): void {
    let subscribe = this.topics.get(topic);
    if (!subscribe) {
      subscribe = createSubscriber((update) => this.live.subscribe(topic, update));
      this.topics.set(topic, subscribe);
      if (topic !== "connection") {
        this.versions.set(topic, 0);
        this.live.subscribe(topic, () => this.versions.set(topic, (this.versions.get(topic) ?? 0) + 1));
      }
    }
    subscribe();
  }

  private make<T>(topic: Topic, key: string, build: () => T): T {
    this.depend(topic);
    const version = this.versions.get(topic) ?? 0;
    const known = this.made.get(key);
    if (known?.version === version) return known.value as T;
    const value = build();
    this.made.set(key, { version, value });
    return value;
  }
}
