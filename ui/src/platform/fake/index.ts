// A host inside the page, for tests and for work on the UI: `npm run fake`, then
// `/?fake=3|150|1000|mixed|jobs|empty`, with `&scene=incident` for a root cause and what suffers from it,
// `&gateway=off` for one that does not run, or `&scene=young` for services that have run for some seconds.

import type { History, HistoryPoint, Streams, SystemStatus } from "../../ipc/generated";
import { download } from "../download";
import { CallError, type Call, type Ended, type Platform, type Request, type Response, type Stream } from "../types";
import { Definitions } from "./definition";
import { Gateway } from "./gateway";
import { Agents, Approvals, entries, ledger, rules, security, verdict, withRefused } from "./governance";
import { azoraOs, fleet, JOBS, MIXED, REAL_STACK, SHOP } from "./graphs";
import { healed, timeline } from "./incidents";
import { Logs } from "./logs";
import { past } from "./past";
import { random, seedOf } from "./random";
import { rehearse } from "./rehearsal";
import { Terminals } from "./terminal";
import { World } from "./world";

/** So long a call takes: a button must be seen running. */
const ANSWER_MS = 40;

export function fake(): Platform {
  let startsWithSession = false;
  const asked = new URLSearchParams(location.search);
  const world = build(asked.get("fake") ?? "150", asked.get("scene") ?? "calm");
  const terminals = new Terminals(world);
  const definitions = new Definitions(world);
  const agents = new Agents(world, asked.get("scene") === "incident");
  const approvals = new Approvals(world, asked.get("scene") === "incident");
  const gateway = new Gateway(world, asked.get("scene") === "incident");
  if (asked.get("gateway") === "off") [gateway.off, world.engine.gateway] = [true, null];
  setInterval(() => {
    world.tick();
    gateway.tick();
  }, 1_000);
  const logs = new Logs(world.began);

  const answers: { [C in Call]: (request: Request<C>) => Response<C> } = {
    status: () => ({ engine: world.engine, overall: world.snapshot().overall, clusters: [...world.clusters.values()] }),
    system_status: ({ cluster, service }) => systemStatus(world, cluster, service),
    snapshot: () => world.snapshot(),
    registered: ({ name, tags }) => {
      const all = world.snapshot().registry;
      const entries = all.filter((entry) => entry.name === (name ?? entry.name) && (tags ?? []).every((tag) => entry.tags.includes(tag)));
      return { entries, found: entries.length, total: all.length, why: name && entries.length === 0 ? "it is not registered" : null };
    },
    ps: ({ cluster }) => {
      const found = world.clusters.get(cluster ?? "");
      if (!found) throw new CallError("not_found", `there is no cluster ${cluster ?? ""} here`);
      const limits = Object.fromEntries(found.services.filter((service) => service.limits.length > 0).map((service) => [service.name, service.limits]));
      const urls = Object.fromEntries(found.services.map(({ name }) => [name, `http://${name}.${found.name}.localhost:7422`]));
      return { cluster: found, instances: [...(world.instances.get(found.id)?.values() ?? [])], limits, urls, advice: [] };
    },
    graph: ({ cluster }) => {
      const found = world.clusters.get(cluster ?? "");
      if (!found) throw new CallError("not_found", `there is no cluster ${cluster ?? ""} here`);
      const instances = [...(world.instances.get(found.id)?.values() ?? [])];
      const services = found.services.map(({ name, category, needs }) => {
        const own = instances.find((each) => each.service === name);
        return { name, category, needs, state: own?.state ?? ("stopped" as const), impacted_by: own?.marks.impacted_by ?? null };
      });
      return { cluster: found, services, connections: world.connections.get(found.id) ?? [], advice: [] };
    },
    look: ({ folder, file }) => {
      const known = [...world.clusters.values()].find((each) => each.folder === folder);
      if (folder.includes("missing")) throw new CallError("not_found", `there is no folder ${folder}. Check the path and try again.`);
      if (folder.includes("broken")) {
        return {
          folder, file: "azora.toml", others: [], notes: [], name: null, services: 0, known: false, commands: [], risks: [], git: null,
          problem: "azora.toml:7:9: unknown key `helth`\n  |\n7 | helth = { http = \"/health\" }\n  | ^^^^^ did you mean `health`?",
        };
      }
      const files = folder.includes("rails") ? ["Procfile.dev", "Procfile"] : ["azora.toml"];
      const used = file ?? (folder.includes("rails") ? "Procfile.dev" : folder.includes("agent") ? "compose.yaml" : "azora.toml");
      return {
        folder, file: used, others: files.filter((one) => one !== used),
        notes: used === "Procfile" ? ["Procfile:1: release runs once before all others, as it does where a Procfile is deployed"] : [],
        name: known?.name ?? folder.split("/").at(-1) ?? "shop", services: SHOP.length,
        known: known !== undefined, commands: SHOP.map((each) => `${each.name}: ${each.run}`), problem: null,
        risks: used === "compose.yaml" && known === undefined ? ["watcher gets the container daemon's socket /var/run/docker.sock, and can do all it can"] : [],
        git: folder.includes("worktrees") ? { branch: "feature/checkout-redesign", worktree_of: "/home/mira/code/shop" } : { branch: "main", worktree_of: null },
      };
    },
    wait: () => ({ settled: true, failed: [] }),
    history: ({ cluster, instance, range_ms, until, buckets }) => history(world, cluster, instance, range_ms, until, buckets),
    latencies: ({ cluster, most }) => ({ services: latencies(world, cluster, most) }),
    logs: (request) => logs.page(request),
    view_logs: (request) => logs.view(request),
    log_runs: ({ instance }) => logs.runs(instance),
    env: ({ instance }) => ({
      instance, generation: 1, running: true, differs: 1, problem: null,
      variables: [
        { name: "API_TOKEN", value: "secret, sha256 4be1…", secret: true, from: ".env.secrets:2", now: null },
        { name: "DATABASE_URL", value: "postgres://127.0.0.1:5432/azora", secret: false, from: "azora.toml:18", now: null },
        { name: "HOME", value: "/home/mira", secret: false, from: "terminal", now: null },
        { name: "LOG_LEVEL", value: "info", secret: false, from: ".env:1", now: { value: "debug", from: ".env:1" } },
        { name: "PATH", value: "/home/mira/.local/bin:/usr/local/bin:/usr/bin:/bin", secret: false, from: "terminal", now: null },
        { name: "PORT", value: "20116", secret: false, from: "azora", now: null },
      ],
    }),
    incidents: ({ cluster, service, since }) => world.incidents.filter((each) => (cluster === undefined || each.cluster === cluster) && (service === undefined || each.service === service) && (since === undefined || (each.resolved ?? Infinity) >= since)),
    incident: ({ id }) => {
      const incident = world.incidents.find((each) => each.id === id);
      if (!incident) throw new CallError("not_found", `there is no incident ${id}`);
      return { incident, timeline: timeline(incident) };
    },
    healed: ({ since, cluster }) => healed(world.incidents.filter((each) => cluster === undefined || each.cluster === cluster), since),
    events: ({ limit = 200 }) => world.events.slice(-limit),
    approvals: () => approvals.all,
    approve: ({ id, name }) => approvals.answer(id, "approved", name),
    deny: ({ id }) => approvals.answer(id, "denied"),
    reveal: ({ cluster, services, reason }) => ({ act: world.act("reveal", cluster, services, reason ?? "", () => 0), key: "leave", until: Date.now() + 600_000 }),
    support: () => [],
    agents: () => agents.all,
    add_agent: ({ name, span_ms }) => agents.add(name, span_ms),
    remove_agent: ({ name }) => {
      agents.remove(name);
      return world.act("remove-agent", null, [], `agent ${name}`, () => 0);
    },
    acts: ({ limit = 200 }) => withRefused(world.acts, world.began).slice(0, limit),
    ledger: () => ledger(world),
    ledger_entries: ({ after = 0, limit = 200 }) => entries(world, after, limit),
    ledger_checkpoints: () => [],
    ledger_verify: () => verdict(world),
    rules: () => rules(world),
    security: () => security(world, asked.get("scene") === "incident"),
    who: ({ port }) => ({ port, holders: [] }),
    webhooks: () => [{
      name: "pager", place: "https://hooks.example.com/…", events: ["incident", "service_healed"], clusters: [],
      state: "idle", reason: "everything was delivered", waiting: 0, oldest: null,
      delivered: { seq: 41, at: Date.now() - 90_000, status: 204 }, failed: null, next: null, lost: 0, refused: 0,
    }],
    test_webhooks: () => [{ name: "pager", place: "https://hooks.example.com/…", taken: true, said: "answered 204", took_ms: 38 }],
    volumes: () => [],
    gateway: ({ requests }) => gateway.message(0, requests ?? 200),
    gateway_try: (request) => {
      const tried = gateway.try(request);
      if (!["GET", "HEAD", "OPTIONS"].includes(request.method)) world.act("request", null, [], `${request.method} ${request.host}${request.path}`, () => 0);
      return tried;
    },
    emergency_preview: () => world.preview(),
    up: ({ folder, trust, risks, categories }) => {
      const known = [...world.clusters.values()].find((each) => each.folder === folder);
      if (!known && !trust) throw new CallError("untrusted", "this folder was never run here");
      if (folder.includes("agent") && !known && !risks?.length) throw new CallError("risks", "this gives containers what makes them as good as root on this machine, and was not allowed yet");
      const id = known?.id ?? world.add(folder.split("/").at(-1) ?? "shop", folder, structuredClone(SHOP), "stopped");
      const part = known?.services.filter((one) => categories?.includes(one.category)).map((one) => one.name);
      const act = world.act("up", id, [], "", () => world.start(id, part ?? []));
      return { cluster: id, act: act.id, changes: [] };
    },
    down: ({ cluster, reason }) => world.act("down", cluster, [], reason ?? "", () => world.stop(cluster, [])),
    start: ({ cluster, services, reason }) => world.act("start", cluster, services, reason ?? "", () => world.start(cluster, services)),
    stop: ({ cluster, services, reason }) => {
      if (services.includes("config-service")) throw new CallError("conflict", "config-service is needed by 41 running services. Stop them first, or take the cluster down.");
      return world.act("stop", cluster, services, reason ?? "", () => world.stop(cluster, services));
    },
    restart: ({ cluster, services, reason }) =>
      world.act("restart", cluster, services, reason ?? "", () => {
        const stopping = world.stop(cluster, services);
        setTimeout(() => world.start(cluster, services), stopping);
        return stopping + 900;
      }),
    scale: ({ cluster, service, replicas, reason }) => world.act("scale", cluster, [service], reason ?? "", () => world.scale(cluster, service, replicas)),
    hold: ({ cluster, services, span_ms, reason }) => world.act("hold", cluster, services, reason ?? "", () => world.hold(cluster, services, true, span_ms)),
    unhold: ({ cluster, services, reason }) => world.act("unhold", cluster, services, reason ?? "", () => world.hold(cluster, services, false)),
    autonomy: ({ cluster, mode, reason }) => world.act("autonomy", cluster, [], reason ?? "", () => world.autonomy(cluster, mode)),
    notifications: () => ({ enabled: true, except: [], quiet: ["22:00-07:00"], mutes: world.mutes }),
    mute: ({ cluster = null, services, span_ms, reason }) => world.act("mute", cluster, services, reason ?? "", () => world.mute(cluster, services, span_ms)),
    unmute: ({ cluster = null, services, reason }) => world.act("unmute", cluster, services, reason ?? "", () => world.unmute(cluster, services)),
    release: ({ cluster, services, reason }) => world.act("release", cluster, services, reason ?? "", () => world.start(cluster, services)),
    definition: ({ cluster }) => definitions.read(cluster),
    check_definition: (request) => definitions.check(request),
    apply_definition: (request) => definitions.apply(request),
    take_terminal: (request) => terminals.take(request),
    type_terminal: (request) => terminals.type(request),
    resize_terminal: (request) => terminals.resize(request),
    leave_terminal: (request) => terminals.leave(request),
    resume: ({ reason }) => world.act("resume", null, [], reason ?? "", () => world.resume()),
    forget: ({ cluster, reason }) => world.act("forget", cluster, [], reason ?? "", () => world.forget(cluster)),
    emergency_stop: ({ reason }) => world.emergency(reason ?? ""),
    shutdown: () => ({}),
  };

  let unanswered = 0;
  const counts = new Map<Call, number>();
  const refused = new Map<Call, string | null>();
  const handle: FakeHandle = {
    world, gateway, terminals, definitions, opened: [], asked: (name) => counts.get(name) ?? 0, answering: () => unanswered,
    refuse: (name, why) => void refused.set(name, why),
  };
  Object.assign(window, { __fake: handle });

  return {
    kind: "fake",
    async call(name, request) {
      unanswered += 1;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
      unanswered -= 1;
      const why = refused.get(name) ?? null;
      if (why !== null) throw new CallError("conflict", why);
      return structuredClone(answers[name](request));
    },
    stream<S extends Stream>(name: S, request: Streams[S]["request"], onMessage: (message: Streams[S]["message"]) => void, onEnd: (ended: Ended) => void) {
      if (name === "feed") return world.follow(onMessage as (message: Streams["feed"]["message"]) => void);
      if (name === "watch_gateway") return gateway.watch((request as Streams["watch_gateway"]["request"]).requests ?? 200, onMessage as (message: Streams["watch_gateway"]["message"]) => void);
      if (name === "attach") return terminals.attach(request as Streams["attach"]["request"], onMessage as (message: Streams["attach"]["message"]) => void, onEnd);
      if (name === "rehearse") return rehearse(world, request as Streams["rehearse"]["request"], onMessage as (message: Streams["rehearse"]["message"]) => void, onEnd);
      if (name === "search_logs") return logs.search(request as Streams["search_logs"]["request"], onMessage as (message: Streams["search_logs"]["message"]) => void);
      if (name === "copy_logs") return logs.copy(request as Streams["copy_logs"]["request"], onMessage as (message: Streams["copy_logs"]["message"]) => void);
      const followed = request as Streams["follow_logs"]["request"];
      const mine = (): string[] => [...(world.instances.get(followed.cluster)?.values() ?? [])].filter((each) => followed.services.length === 0 || followed.services.includes(each.service)).map((each) => each.instance);
      return logs.follow(followed, mine, onMessage as (message: Streams["follow_logs"]["message"]) => void);
    },
    autostart: {
      isOn: () => Promise.resolve(startsWithSession),
      set: (on) => Promise.resolve(void (startsWithSession = on)),
    },
    openCopy: (path) => Promise.resolve(void handle.opened.push(path)),
    save(name, content) {
      download(name, content);
      return Promise.resolve(`/home/ada/Downloads/${name}`);
    },
    openExternal(url) {
      window.open(url, "_blank", "noopener");
    },
  };
}

/** What a test may reach of the simulated host: `window.__fake.world.break(…)`. */
interface FakeHandle {
  world: World;
  gateway: Gateway;
  terminals: Terminals;
  definitions: Definitions;
  /** Saved logs that were opened. */
  opened: string[];
  /** How often this was asked. */
  asked: (name: Call) => number;
  /** So many calls wait for their answer. */
  answering: () => number;
  /** From now on a call is refused, and why; `null`: no more. */
  refuse: (name: Call, why: string | null) => void;
}

function build(size: string, scene: string): World {
  const world = new World(Date.now());
  if (size === "empty") return world;
  if (size === "3") {
    const shop = world.add("shop", "/home/mira/code/shop", structuredClone(SHOP), "ready");
    past(world);
    if (scene === "incident") world.break(shop, needed(SHOP), null);
    return world;
  }
  if (size === "mixed") {
    const shop = world.add("bookshop", "/home/mira/code/bookshop", structuredClone(MIXED), "ready", "compose.yaml");
    world.set(shop, "adminer.0", "stopped", "not started");
    past(world);
    if (scene === "incident") world.break(shop, "db", null);
    return world;
  }
  if (size === "jobs") {
    const reports = world.add("reports", "/home/mira/code/reports", structuredClone(JOBS), "ready");
    world.set(reports, "warm-cache.0", "completed", "exited with code 0");
    const warm = world.instances.get(reports)?.get("warm-cache.0");
    if (warm) [warm.since, warm.ports] = [world.began - 3_120_000, []];
    const [hour, day] = [3_600_000, 86_400_000];
    const past = (span: number): number => world.began - (world.began % span);
    world.rest(reports, "mail-digest.0", past(hour) + hour, past(hour) + 4_100);
    world.rest(reports, "nightly-backup.0", past(day) + day + hour, past(day) + hour + 92_000);
    world.rest(reports, "prune-sessions.0", world.began + 4 * hour, null);
    if (scene === "incident") world.break(reports, "db", null);
    return world;
  }
  const id = size === "1000"
    ? world.add("fleet", "/home/mira/code/fleet", fleet(1_000), "ready")
    : world.add("azora-os", "/home/mira/code/azora/examples/azora-os", azoraOs(), "ready");
  const stack = world.add("real-stack", "/home/mira/code/azora/examples/real-stack", structuredClone(REAL_STACK), "ready");
  world.add("shop", "/home/mira/code/shop-worktrees/checkout-redesign", structuredClone(SHOP), "stopped");
  world.remember(id, "email-service", 5_400_000, 2_380, "resolved");
  world.remember(id, "warehouse", 93_000_000, 64_000, "closed");
  world.remember(stack, "redis", 6_000_000, 1_140, "resolved");
  world.remember(id, "event-bus", 8_100_000, 3_900, "resolved");
  outsiders(world);
  past(world);
  if (scene === "incident" && size !== "1000") world.remember(id, "staking-service", 540_000, 64_000, "quarantined");
  if (scene === "incident" && size === "1000") world.break(id, needed(world.clusters.get(id)?.services ?? []), null);
  else if (scene === "incident") {
    world.break(id, "event-bus", null);
    world.set(id, "staking-service.0", "quarantined", "exited with code 1, 5 times in 10 min", "release it to try again");
    const quarantined = world.instances.get(id)?.get("staking-service.0");
    if (quarantined) quarantined.since -= 476_000;
    world.set(id, "media-library.0", "degraded", "GET /health takes 812 ms, over its 500 ms");
  }
  if (scene === "young") world.born = Date.now() - 22_000;
  return world;
}

/** Programs that nobody runs from here and that can be found all the same. */
function outsiders(world: World): void {
  world.outside({ name: "mailpit", id: "mailpit-1", url: "http://127.0.0.1:8025", kept_by: "lease", tags: ["dev", "mail"], version: "1.21.8", category: "tools", expires: world.began + 1_800_000 });
  world.outside({ name: "jaeger", id: "jaeger", url: "http://127.0.0.1:16686", kept_by: "probe", tags: ["tracing"], category: "tools" });
  world.outside({ name: "ledger", id: "ledger-blue", url: "http://127.0.0.1:9001", kept_by: "checks", tags: ["blue"], version: "4.2.0", health: "warning", health_why: "disk 91 % full" });
  world.outside({ name: "ledger", id: "ledger-green", url: "http://127.0.0.1:9002", kept_by: "checks", tags: ["green", "primary"], version: "4.3.0-rc.1", health: "critical", health_why: "GET /health answered 503" });
}

/** What most others need. */
function needed(services: readonly { name: string; needs: readonly string[] }[]): string {
  const count = (name: string): number => services.filter((each) => each.needs.includes(name)).length;
  return services.map((each) => each.name).sort((a, b) => count(b) - count(a))[0] ?? "";
}

const SPANS = [300_000, 3_600_000, 86_400_000, 604_800_000];

function systemStatus(world: World, only?: string, service?: string): SystemStatus {
  const clusters = [...world.clusters.values()].filter((each) => only === undefined || each.id === only);
  return {
    at: Date.now(),
    overall: world.snapshot().overall,
    clusters: clusters.map(({ id, name, overall, reason, services }) => ({
      id, name, overall, reason,
      services: services.filter((each) => service === undefined || each.name === service).map((each) => {
        const own = [...(world.instances.get(id)?.values() ?? [])].filter((one) => one.service === each.name);
        const chance = random(seedOf(each.name));
        const base = world.usual(own[0]?.instance ?? "").latency / 1_000;
        const failed = chance() < 0.2 ? 3 : 0;
        const windows = SPANS.map((span_ms, n) => {
          const lived = Math.min(span_ms, Date.now() - world.born);
          const probes = each.health === null || own[0]?.state === "stopped" ? 0 : Math.round(lived / 5_000);
          return {
            span_ms, probes, failed: n < 2 ? 0 : failed,
            p50_ms: probes === 0 ? null : base, p95_ms: probes === 0 ? null : base * 1.8, max_ms: probes === 0 ? null : base * (3 + n * 4),
            uptime: probes === 0 ? null : n < 2 || failed === 0 ? 1 : 0.9994,
          };
        });
        return {
          service: each.name, category: each.category, state: own[0]?.state ?? "stopped",
          reason: own[0]?.reason ?? { text: "not started yet" }, wanted: each.replicas,
          serving: own.filter((one) => one.state === "ready" || one.state === "degraded").length,
          restarts: 0, last_check: null, usage: { cpu: 0, memory: 0, processes: 0, files: 0 }, findings: [], windows,
          instances: own.map((one) => ({ instance: one.instance, windows })),
        };
      }),
    })),
    security: { known: true, level: "none", threats: 0, ledger: "unchecked", last_audit: Date.now() - 12_000, text: "threat level None, no active threats, ledger not checked yet" },
  };
}

/** Up to what each pulse says now. */
function latencies(world: World, cluster: string, most: number): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  if (world.born > 0) return found;
  for (const [instance, { health }] of world.pulses.get(cluster) ?? []) {
    if (health === null || health.verdict === "fail") continue;
    const chance = random(seedOf(instance) + 1);
    const ms = health.latency_us / 1_000;
    const service = instance.slice(0, instance.lastIndexOf("."));
    // Of several instances the slowest, as the live rows have it.
    if ((found[service]?.at(-1) ?? 0) > ms) continue;
    found[service] = Array.from({ length: most }, (_none, nth) => (nth === most - 1 ? ms : ms * (0.7 + chance() * 0.6)));
  }
  return found;
}

/** When each instance was down, as it was first told, so that a part looked at closely tells the same. */
const faults = new Map<string, Map<number, readonly [number, number]>>();

function history(world: World, cluster: string, instance: string, range: number, until: number | undefined, buckets: number): History {
  const bucket = Math.ceil(range / buckets);
  const now = Math.min(until ?? Infinity, Date.now());
  const chance = random(seedOf(instance) + buckets);
  const usual = world.usual(instance);
  const base = usual.latency / 1_000;
  const known = [...(faults.get(instance)?.values() ?? [])];
  const points: HistoryPoint[] = [];
  const fault = Math.floor(buckets * 0.62);
  for (let at = 0; at < buckets; at += 1) {
    const end = Math.floor(now / bucket) * bucket - (buckets - 1 - at) * bucket;
    const bad = until === undefined ? at >= fault && at < fault + Math.max(2, buckets / 60) : known.some(([from, to]) => end > from && end <= to);
    const wave = base * (1 + 0.25 * Math.sin(at / 9) + (chance() - 0.5) * 0.3);
    points.push({
      at: end,
      latency_ms: bad ? null : wave, latency_max_ms: bad ? null : wave * (1.2 + chance() ** 4 * 4),
      failed: bad ? 3 : 0, probes: Math.max(1, Math.round(bucket / 5_000)),
      state: bad ? "failing" : at < fault + buckets / 40 && at >= fault ? "recovering" : "ready",
      cpu: bad ? 0 : usual.cpu * (0.9 + 0.15 * Math.sin(at / 5) + chance() * 0.2), memory: bad ? 0 : usual.memory * (0.95 + 0.04 * (at / buckets) + chance() * 0.02),
    });
  }
  const down = points.filter((point) => point.state === "failing");
  if (until === undefined) faults.set(instance, new Map(faults.get(instance)).set(range, [(down[0]?.at ?? now) - bucket, down.at(-1)?.at ?? now]));
  const mark = (until === undefined ? points[fault + 1]?.at : down[1]?.at) ?? 0;
  const born = world.born;
  const asked = world.clusters.get(cluster)?.services.find((each) => instance.startsWith(`${each.name}.`))?.health !== null;
  const lived = points.map((point) => (asked && point.at >= born ? point : { ...point, latency_ms: null, latency_max_ms: null, failed: 0, probes: 0, cpu: null, memory: null }));
  return { bucket_ms: bucket, points: lived, marks: !asked || mark < born || mark === 0 ? [] : [[mark, "restart: restart 1 of 5, after 1 s"]], acts: world.acts.filter((act) => act.at > now - range && act.at <= now && act.actor.kind !== "healer" && act.target.cluster === cluster && (act.target.services.length === 0 || act.target.services.some((name) => instance.startsWith(`${name}.`)))).reverse() };
}
