// A home that lives inside the page: clusters whose services start in order, are probed, fail, heal and
// stop. Only tests and UI work use it; a product build does not contain it.

import type {
  Act, Autonomy, Change, ClusterId, ClusterView, EngineView, Event, EventKind, FeedMessage, Incident, InstanceId,
  InstanceStatus, Mute, ObservedConnection, Overall, Pulse, RegistryView, ServiceName, ServiceView, Snapshot, State, StopPreview, StopReport, Verb,
} from "../../ipc/generated";
import { timeline, tried } from "./incidents";
import { seen } from "./graphs";
import { decidedBy } from "./governance";
import { random, seedOf } from "./random";

const PROBE_EVERY_S = 5;

interface Body {
  latency: number;
  cpu: number;
  memory: number;
}

export class World {
  readonly engine: EngineView = {
    pid: 41_207, version: "0.1.0", home: "/home/mira/.local/state/azora", api: "http://127.0.0.1:7420",
    registry: "http://127.0.0.1:7421", gateway: "http://127.0.0.1:7422", consul: null,
    limits: ["no writable cgroup: a service that escapes its shim is found by its nonce only"],
  };
  readonly clusters = new Map<ClusterId, ClusterView>();
  readonly instances = new Map<ClusterId, Map<InstanceId, InstanceStatus>>();
  readonly pulses = new Map<ClusterId, Map<InstanceId, Pulse>>();
  incidents: Incident[] = [];
  events: Event[] = [];
  acts: Act[] = [];
  mutes: Mute[] = [];
  readonly connections = new Map<ClusterId, ObservedConnection[]>();
  readonly registry = new Map<InstanceId, RegistryView>();
  private readonly bodies = new Map<string, Body>();
  private readonly readers = new Set<(message: FeedMessage) => void>();
  private readonly chance = random(7);
  private seq = 1;
  private eventSeq = 0;
  private nextPid = 42_000;
  private nextPort = 20_100;
  private second = 0;
  private emergencies = 0;
  private stoppedByEmergency: ClusterId[] = [];

  /** Nothing was measured before. */
  born = 0;

  constructor(readonly began: number) {
    this.tell(null, { kind: "engine_started", pid: this.engine.pid, adopted: 0 }, began - 8_400_000);
  }

  // === making ===

  add(name: string, folder: string, services: ServiceView[], state: "ready" | "stopped", file?: string): ClusterId {
    const id = `${name}-${seedOf(folder).toString(16).padStart(8, "0")}`;
    this.clusters.set(id, { id, name, folder, ...(file !== undefined && { file }), overall: "stopped", reason: "", held: false, services });
    const instances = new Map<InstanceId, InstanceStatus>();
    this.instances.set(id, instances);
    this.pulses.set(id, new Map());
    if (state === "ready") this.connections.set(id, seen(services, this.began));
    for (const service of services) {
      for (let index = 0; index < service.replicas; index += 1) this.addInstance(id, service, index, state);
    }
    this.judge(id);
    if (state === "ready") for (let turn = 0; turn < PROBE_EVERY_S; turn += 1) this.pulse(id, turn);
    return id;
  }

  private addInstance(cluster: ClusterId, service: ServiceView, index: number, state: "ready" | "stopped"): InstanceStatus {
    const instance = `${service.name}.${index}`;
    const chance = random(seedOf(instance));
    this.bodies.set(instance, { latency: 400 + chance() ** 3 * 30_000, cpu: chance() ** 4 * 0.12, memory: 3e6 + chance() ** 5 * 3e8 });
    const up = state === "ready";
    const settled: State = !up ? "stopped" : service.oneshot ? "completed" : "ready";
    const status: InstanceStatus = {
      instance, service: service.name, category: service.category, state: settled,
      reason: { text: !up ? "not started" : service.oneshot ? "exited with code 0" : `${service.health ?? "running"}: passed` },
      pid: up && !service.oneshot ? (this.nextPid += 3) : null,
      ports: service.oneshot ? [] : [(this.nextPort += 1)],
      generation: 1, restarts: 0, since: this.began - Math.floor(chance() * 5_000_000),
      marks: { held: false, shim_lost: false },
    };
    this.instances.get(cluster)?.set(instance, status);
    if (settled === "ready") this.list(cluster, status);
    return status;
  }

  /** A program that registered itself. */
  outside(entry: Pick<RegistryView, "name" | "id" | "url" | "kept_by"> & Partial<RegistryView>): void {
    this.registry.set(`${entry.name}/${entry.id}`, {
      cluster: null, cluster_name: null, instance: null, tags: [], version: null, category: null, health: "passing", health_why: null, since: this.began - 4_000_000, expires: null, ...entry,
    });
  }

  private list(cluster: ClusterId, status: InstanceStatus): void {
    this.registry.set(status.instance, {
      name: status.service, id: status.instance, url: `http://127.0.0.1:${status.ports[0] ?? 0}`, kept_by: "own",
      cluster, cluster_name: this.clusters.get(cluster)?.name ?? null, instance: status.instance, tags: [], version: null,
      category: this.clusters.get(cluster)?.services.find((service) => service.name === status.service)?.category ?? null,
      health: "passing", health_why: null, since: status.since, expires: null,
    });
  }

  /** What an instance takes and needs when nothing is wrong: its latency in microseconds, shares of cores, bytes. */
  usual(instance: InstanceId): Body {
    return this.bodies.get(instance) ?? { latency: 1_000, cpu: 0, memory: 0 };
  }

  // === the feed ===

  snapshot(): Snapshot {
    return structuredClone({
      seq: this.seq,
      engine: this.engine,
      overall: this.overall(),
      clusters: [...this.clusters.values()],
      instances: Object.fromEntries([...this.instances].map(([id, map]) => [id, [...map.values()]])),
      pulses: Object.fromEntries([...this.pulses].map(([id, map]) => [id, Object.fromEntries(map)])),
      connections: Object.fromEntries(this.connections),
      incidents: this.incidents,
      events: this.events.slice(-200),
      registry: [...this.registry.values()], registry_total: this.registry.size,
      mutes: this.mutes,
    });
  }

  follow(reader: (message: FeedMessage) => void): () => void {
    reader({ kind: "snapshot", snapshot: this.snapshot() });
    this.readers.add(reader);
    return () => this.readers.delete(reader);
  }

  private say(change: Change): void {
    this.seq += 1;
    const message: FeedMessage = structuredClone({ kind: "delta", delta: { seq: this.seq, change } });
    for (const reader of this.readers) reader(message);
  }

  tell(cluster: ClusterId | null, what: EventKind, at = Date.now()): void {
    const event: Event = { seq: (this.eventSeq += 1), at, cluster, what };
    this.events.push(event);
    this.say({ kind: "event", event });
  }

  // === time ===

  /** One second passes. */
  tick(): void {
    this.second += 1;
    for (const id of this.clusters.keys()) this.pulse(id, this.second);
  }

  private pulse(cluster: ClusterId, turn: number): void {
    const fresh: Record<InstanceId, Pulse> = {};
    let nth = 0;
    for (const status of this.instances.get(cluster)?.values() ?? []) {
      nth += 1;
      if (nth % PROBE_EVERY_S !== turn % PROBE_EVERY_S || status.pid === null) continue;
      const body = this.usual(status.instance);
      const wobble = 0.8 + this.chance() * 0.4 + (this.chance() < 0.02 ? 2 : 0);
      const bad = status.state === "failing";
      const slow = status.state === "degraded" ? 30 : 1;
      const pulse: Pulse = {
        checked: Date.now(),
        usage: { cpu: body.cpu * wobble, memory: Math.round(body.memory * (0.97 + this.chance() * 0.06)), processes: 1 + (nth % 3), files: 12 },
        health: {
          verdict: bad ? "fail" : "pass",
          detail: bad ? "GET /health answered 503" : "GET /health answered 200",
          latency_us: Math.round(body.latency * wobble * slow),
        },
      };
      fresh[status.instance] = pulse;
      this.pulses.get(cluster)?.set(status.instance, pulse);
    }
    if (Object.keys(fresh).length > 0) this.say({ kind: "pulses", cluster, pulses: fresh });
  }

  // === states ===

  set(cluster: ClusterId, instance: InstanceId, state: State, text: string, next?: string): void {
    const status = this.instances.get(cluster)?.get(instance);
    if (!status) return;
    const from = status.state;
    status.state = state;
    status.reason = next === undefined ? { text } : { text, next };
    if (from !== state) status.since = Date.now();
    const runs = !["waiting", "stopped", "completed", "scheduled", "quarantined", "recovering", "starting"].includes(state);
    if (runs && status.pid === null) {
      status.pid = this.nextPid += 3;
      status.generation += 1;
      this.tell(cluster, { kind: "started", instance, generation: status.generation, pid: status.pid });
    } else if (!runs) {
      status.pid = null;
      this.pulses.get(cluster)?.delete(instance);
    }
    if (state === "ready" && !this.registry.has(instance)) {
      this.list(cluster, status);
      const entry = this.registry.get(instance);
      if (entry) this.say({ kind: "registry", upserts: [entry], removed: [], total: this.registry.size });
    } else if (!runs && this.registry.delete(instance)) {
      this.say({ kind: "registry", upserts: [], removed: [[status.service, instance]], total: this.registry.size });
    }
    this.say({ kind: "instances", cluster, instances: [status] });
    if (from !== state) {
      this.tell(cluster, { kind: "state_changed", instance, generation: status.generation, from, to: state, reason: status.reason });
    }
    this.judge(cluster);
  }

  /** A oneshot waits for its next time. */
  rest(cluster: ClusterId, instance: InstanceId, next: number, ended: number | null): void {
    const status = this.instances.get(cluster)?.get(instance);
    if (!status) return;
    status.schedule = { next, last: ended === null ? null : { at: ended, status: { kind: "code", value: 0 } } };
    this.set(cluster, instance, "scheduled", ended === null ? "has not run yet" : "its last run exited with code 0");
    status.since = ended ?? this.began - 900_000;
    if (ended === null) status.generation = 0;
  }

  private judge(id: ClusterId): void {
    const cluster = this.clusters.get(id);
    if (!cluster) return;
    const all = [...(this.instances.get(id)?.values() ?? [])];
    const of = (...states: State[]): number => all.filter((status) => states.includes(status.state)).length;
    const impacted = all.filter((status) => status.marks.impacted_by !== undefined).length;
    const [failing, recovering, quarantined] = [of("failing"), of("recovering"), of("quarantined")];
    const bad = failing + recovering + quarantined + of("degraded");
    let next: Overall;
    if (all.every((status) => status.state === "stopped")) [next, cluster.reason] = ["stopped", "nothing runs"];
    else if (failing > 0 && impacted > 0) [next, cluster.reason] = ["critical", `${failing} failing, ${impacted} impacted`];
    else if (bad > 0) {
      const parts = [[failing, "failing"], [recovering, "recovering"], [quarantined, "quarantined"], [of("degraded"), "degraded"]] as const;
      [next, cluster.reason] = ["degraded", `${parts.filter(([n]) => n > 0).map(([n, word]) => `${n} ${word}`).join(", ")} of ${all.length}`];
    } else if (of("waiting", "starting", "running", "stopping") > 0) {
      [next, cluster.reason] = ["starting", `${of("ready", "completed", "scheduled")} of ${all.length} ready`];
    } else [next, cluster.reason] = ["operational", `${of("ready", "completed", "scheduled")} of ${all.length - of("stopped")} ready`];
    cluster.overall = next;
    this.say({ kind: "cluster", cluster, overall: this.overall() });
  }

  private overall(): Overall {
    const worst: Overall[] = ["critical", "degraded", "starting", "operational"];
    return worst.find((word) => [...this.clusters.values()].some((cluster) => cluster.overall === word)) ?? "stopped";
  }

  // === trouble and healing ===

  /** All that stands on a service, directly or not. */
  dependents(cluster: ClusterId, service: ServiceName): ServiceName[] {
    const services = this.clusters.get(cluster)?.services ?? [];
    const found = new Set<ServiceName>([service]);
    for (let grew = true; grew; ) {
      grew = false;
      for (const each of services) {
        if (!found.has(each.name) && each.needs.some((need) => found.has(need))) {
          found.add(each.name);
          grew = true;
        }
      }
    }
    found.delete(service);
    return [...found];
  }

  /** A service's process is killed; healing takes `healMs` unless that is `null`: then it stays broken. */
  break(cluster: ClusterId, service: ServiceName, healMs: number | null): void {
    const instance = `${service}.0`;
    const status = this.instances.get(cluster)?.get(instance);
    if (!status) return;
    const impacted = this.dependents(cluster, service);
    const incident: Incident = {
      id: this.incidents.length + 1, cluster, service, instance, state: "open",
      cause: healMs === null ? `${instance}: GET /health answered 503, 3 times in a row` : `${instance} was ended by SIGKILL`,
      impacted, actions: [], opened: Date.now(), resolved: null, duration_ms: null,
      began: Date.now() - (healMs === null ? 12_400 : 3), began_by: healMs === null ? "last_good" : "exit",
      detect_ms: healMs === null ? 12_400 : 3, waits: "restart 1 of 5, after 1 s", person: false, entries: 0,
    };
    incident.entries = timeline(incident).length;
    this.incidents.unshift(incident);
    if (healMs !== null) this.tell(cluster, { kind: "exited", instance, generation: status.generation, status: { kind: "signal", value: 9 } });
    const why = healMs === null ? "GET /health answered 503, 3 times in a row" : "was ended by SIGKILL";
    this.set(cluster, instance, healMs === null ? "failing" : "recovering", why, "restart 1 of 5 in 1 s");
    for (const name of impacted) {
      for (const other of this.instances.get(cluster)?.values() ?? []) {
        if (other.service !== name) continue;
        other.marks.impacted_by = service;
        this.say({ kind: "instances", cluster, instances: [other] });
      }
    }
    incident.actions.push({
      at: Date.now() + 40, kind: "restart", detail: "restart 1 of 5, after 1 s",
      cause: healMs === null ? "failing" : "ended", confidence: { worked: 3, of: 4 },
    });
    this.say({ kind: "incident", incident });
    this.judge(cluster);
    if (healMs === null) return;
    this.later(() => {
      status.restarts += 1;
      this.set(cluster, instance, "ready", "GET /health every 5 s: passed");
      for (const other of this.instances.get(cluster)?.values() ?? []) {
        if (other.marks.impacted_by !== service) continue;
        delete other.marks.impacted_by;
        this.say({ kind: "instances", cluster, instances: [other] });
      }
      incident.state = "resolved";
      incident.resolved = Date.now();
      incident.duration_ms = incident.resolved - incident.opened;
      incident.waits = null;
      for (const action of incident.actions) action.outcome = "worked";
      incident.entries = timeline(incident).length;
      this.say({ kind: "incident", incident });
      this.judge(cluster);
    }, healMs);
  }

  /** A finished incident some time ago, for lists. */
  remember(cluster: ClusterId, service: ServiceName, agoMs: number, tookMs: number, state: Incident["state"]): void {
    const opened = Date.now() - agoMs;
    const ended = state === "resolved";
    const incident: Incident = {
      id: this.incidents.length + 1, cluster, service, instance: `${service}.0`, state,
      cause: ended ? `${service}.0 was ended by SIGKILL` : `${service}.0 exited with code 1, 5 times in 10 min`,
      impacted: this.dependents(cluster, service).slice(0, 9),
      actions: tried(opened, tookMs, ended),
      opened, resolved: state === "quarantined" ? null : opened + tookMs, duration_ms: ended ? tookMs : null,
      began: opened - 4, began_by: "exit", detect_ms: 4, person: !ended, entries: 0,
      waits: state === "quarantined" ? `a person: \`azora release ${service}\`` : null,
    };
    incident.entries = timeline(incident).length;
    this.incidents.push(incident);
    this.incidents.sort((a, b) => b.opened - a.opened);
  }

  // === acts ===

  act(verb: Verb, cluster: ClusterId | null, services: ServiceName[], reason: string, run: () => number): Act {
    const act: Act = {
      id: this.acts.length + 1, at: Date.now(), actor: { kind: "person", via: "window" }, verb,
      target: { cluster, services, instance: null }, reason, outcome: { kind: "pending" }, decision: decidedBy("person"),
    };
    this.acts.unshift(act);
    this.tell(cluster, { kind: "act", act });
    const took = run();
    setTimeout(() => {
      act.outcome = { kind: "done", detail: services.length > 0 ? `${verb}: ${services.join(", ")}` : verb };
      this.tell(cluster, { kind: "act", act });
    }, took);
    return structuredClone(act);
  }

  private of(cluster: ClusterId, services: readonly ServiceName[]): InstanceStatus[] {
    return [...(this.instances.get(cluster)?.values() ?? [])].filter((each) => services.length === 0 || services.includes(each.service));
  }

  start(cluster: ClusterId, services: readonly ServiceName[]): number {
    const depth = this.depths(cluster);
    let last = 0;
    for (const status of this.of(cluster, services)) {
      if (["ready", "completed", "degraded"].includes(status.state)) continue;
      const wait = 120 + (depth.get(status.service) ?? 0) * 350 + this.chance() * 200;
      last = Math.max(last, wait + 300);
      const oneshot = this.clusters.get(cluster)?.services.find((each) => each.name === status.service)?.oneshot === true;
      this.set(cluster, status.instance, "waiting", "waiting for what it needs");
      this.later(() => this.set(cluster, status.instance, "starting", "its process is being made"), wait);
      this.later(() => this.set(cluster, status.instance, "running", "waiting for GET /health to pass"), wait + 120);
      this.later(() => this.set(cluster, status.instance, oneshot ? "completed" : "ready", oneshot ? "exited with code 0" : "GET /health every 5 s: passed"), wait + 280);
    }
    return last;
  }

  /** Runs later, unless an emergency stop comes first. */
  private later(run: () => void, ms: number): void {
    const then = this.emergencies;
    setTimeout(() => {
      if (this.emergencies === then) run();
    }, ms);
  }

  stop(cluster: ClusterId, services: readonly ServiceName[]): number {
    for (const status of this.of(cluster, services)) {
      if (status.state === "stopped") continue;
      this.set(cluster, status.instance, "stopping", "was told to stop", "SIGKILL in 10 s");
      setTimeout(() => this.set(cluster, status.instance, "stopped", "stopped on request"), 300 + this.chance() * 400);
    }
    return 800;
  }

  hold(cluster: ClusterId, services: readonly ServiceName[], held: boolean, span?: number): number {
    const found = this.clusters.get(cluster);
    if (found && services.length === 0) {
      found.held = held;
      if (held && span !== undefined) found.held_until = Date.now() + span;
      else delete found.held_until;
    }
    for (const status of this.of(cluster, services)) {
      status.marks.held = held;
      if (held) status.marks.hold = { why: services.length === 0 ? "a person holds its cluster" : "a person holds it", person: true, until: span === undefined ? null : Date.now() + span };
      else delete status.marks.hold;
      this.say({ kind: "instances", cluster, instances: [status] });
    }
    this.judge(cluster);
    return 60;
  }

  autonomy(cluster: ClusterId, mode: Autonomy = "on"): number {
    Object.assign(this.clusters.get(cluster) ?? {}, { autonomy: mode });
    this.judge(cluster);
    return 60;
  }

  /** Mutes these for so long, or without an end; of no service the whole cluster, of no cluster everything. */
  mute(cluster: ClusterId | null, services: readonly ServiceName[], span?: number): number {
    this.unmute(cluster, services);
    const since = Date.now();
    const names = services.length === 0 ? [null] : services;
    for (const service of names) this.mutes.push({ cluster, service, since, until: span === undefined ? null : since + span });
    const key = (mute: Mute): string => `${mute.cluster ?? ""}/${mute.service ?? ""}`;
    this.mutes.sort((a, b) => (key(a) < key(b) ? -1 : 1));
    this.say({ kind: "mutes", mutes: this.mutes });
    return 60;
  }

  unmute(cluster: ClusterId | null, services: readonly ServiceName[]): number {
    this.mutes = this.mutes.filter((each) => each.cluster !== cluster || (services.length === 0 ? each.service !== null : !services.includes(each.service ?? "")));
    this.say({ kind: "mutes", mutes: this.mutes });
    return 60;
  }

  scale(cluster: ClusterId, name: ServiceName, replicas: number): number {
    const service = this.clusters.get(cluster)?.services.find((each) => each.name === name);
    if (!service) return 0;
    for (let index = service.replicas; index < replicas; index += 1) {
      this.say({ kind: "instances", cluster, instances: [this.addInstance(cluster, service, index, "stopped")] });
    }
    const gone = Array.from({ length: Math.max(0, service.replicas - replicas) }, (_, nth) => `${name}.${replicas + nth}`);
    for (const instance of gone) {
      this.instances.get(cluster)?.delete(instance);
      this.registry.delete(instance);
    }
    if (gone.length > 0) this.say({ kind: "instances_removed", cluster, instances: gone });
    service.replicas = replicas;
    this.judge(cluster);
    return this.start(cluster, [name]) + 100;
  }

  forget(cluster: ClusterId): number {
    this.clusters.delete(cluster);
    this.instances.delete(cluster);
    this.say({ kind: "cluster_removed", cluster });
    return 30;
  }

  preview(): StopPreview {
    const running = [...this.instances].map(([id, map]) => [this.clusters.get(id)?.name ?? id, [...map.values()].filter((s) => s.pid !== null).length] as [string, number]);
    const instances = running.reduce((sum, [, n]) => sum + n, 0);
    return {
      instances, processes: instances * 2 + 11, clusters: running.filter(([, n]) => n > 0),
      protected: [...this.clusters.values()].flatMap((c) => (c.overall === "stopped" ? [] : c.services.filter((s) => s.protected).map((s) => s.name))),
    };
  }

  emergency(reason: string): StopReport {
    const before = this.preview();
    this.emergencies += 1;
    this.stoppedByEmergency = [...this.clusters.values()].filter((c) => c.overall !== "stopped").map((c) => c.id);
    this.act("emergency-stop", null, [], reason, () => {
      for (const [cluster, map] of this.instances) {
        for (const status of map.values()) if (status.state !== "stopped") this.set(cluster, status.instance, "stopped", `emergency stop: ${reason || "no reason given"}`);
      }
      return 10;
    });
    return {
      ended: before.processes, left: [], took_ms: 412, looked_by: ["cgroup", "shim descendants", "nonce"],
      report: `${this.engine.home}/reports/emergency-1.txt`,
    };
  }

  resume(): number {
    return Math.max(0, ...this.stoppedByEmergency.map((cluster) => this.start(cluster, [])));
  }

  private depths(cluster: ClusterId): Map<ServiceName, number> {
    const services = new Map(this.clusters.get(cluster)?.services.map((each) => [each.name, each]));
    const known = new Map<ServiceName, number>();
    const of = (name: ServiceName): number => {
      const found = known.get(name);
      if (found !== undefined) return found;
      known.set(name, 0);
      const value = Math.max(-1, ...(services.get(name)?.needs ?? []).map(of)) + 1;
      known.set(name, value);
      return value;
    };
    for (const name of services.keys()) of(name);
    return known;
  }
}
