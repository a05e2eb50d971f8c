// The gateway of the simulated home: a route for each service that has a port, traffic that wanders, and what
// a route looks like in trouble.

import type { BackendView, GatewayEdge, GatewayMessage, GatewayRequest, GatewayTried, GatewayTry, RouteView, ServiceView, Traffic } from "../../ipc/generated";
import { CallError } from "../types";
import { random, seedOf } from "./random";
import type { World } from "./world";

/** Requests that are kept. */
const KEPT = 1_000;
const PATHS = ["/", "/health", "/api/orders", "/api/orders/4711", "/login", "/assets/app.js", "/search"];

interface Body {
  /** Requests a second when nothing happens. */
  usual: number;
  latency: number;
  total: number;
  failed: number;
  retries: number;
  phase: number;
}

export class Gateway {
  readonly address = "http://127.0.0.1:7422";
  /** Off: nothing listens. */
  off = false;
  private readonly bodies = new Map<string, Body>();
  private readonly readers = new Set<() => void>();
  private requests: GatewayRequest[] = [];
  private seq = 0;
  private second = 0;
  private refused = 3;
  private readonly chance = random(11);

  constructor(private readonly world: World, private readonly troubled: boolean) {
    for (let turn = 0; turn < 40; turn += 1) this.wander(world.began - (40 - turn) * 1_000);
  }

  tick(): void {
    this.wander(Date.now());
    for (const reader of this.readers) reader();
  }

  private wander(at: number): void {
    this.second += 1;
    for (const route of this.routes(at)) {
      const body = this.body(route.host);
      const { per_second, failed_per_second } = route.traffic;
      body.total += Math.round(per_second);
      body.failed += Math.round(failed_per_second);
      if (per_second === 0 || this.chance() > 0.04) continue;
      const backend = route.backends.find((each) => each.state === "serving");
      const failed = backend === undefined || (failed_per_second > 0 && this.chance() < 0.3);
      this.note({
        at, host: route.host, method: this.chance() < 0.8 ? "GET" : "POST", path: PATHS[Math.floor(this.chance() * PATHS.length)] ?? "/",
        status: backend === undefined ? 503 : failed ? 502 : this.chance() < 0.05 ? 404 : this.chance() < 0.08 ? 302 : 200,
        took_ms: body.latency * (0.5 + this.chance()), backend: backend?.id ?? null,
        ...(this.chance() < 0.5 ? { caller: null, whence: "outside" as const } : { caller: "web", whence: "service" as const }), retries: failed && backend !== undefined ? 1 : 0,
        error: backend === undefined ? "no instance serves" : failed ? "the instance closed the connection before it answered" : null,
      });
    }
  }

  private note(request: Omit<GatewayRequest, "seq" | "id">): void {
    this.seq += 1;
    this.requests.push({ ...request, seq: this.seq, id: this.seq.toString(16).padStart(16, "0") });
    if (this.requests.length > KEPT) this.requests = this.requests.slice(-KEPT);
  }

  private body(host: string): Body {
    let found = this.bodies.get(host);
    if (!found) {
      const chance = random(seedOf(host));
      const quiet = chance() < (this.world.clusters.size > 1 ? 0.75 : 0.2);
      const usual = quiet ? 0 : chance() ** 4 * 180;
      this.bodies.set(host, (found = { usual, latency: 0.8 + chance() ** 3 * 60, total: Math.round(usual * 7_000), failed: 0, retries: 0, phase: chance() * 6 }));
    }
    return found;
  }

  private routes(at: number): RouteView[] {
    const routes: RouteView[] = [];
    for (const cluster of this.world.clusters.values()) {
      if (cluster.overall === "stopped") continue;
      for (const service of cluster.services) {
        if (service.oneshot || service.health?.startsWith("tcp") === true) continue;
        routes.push(this.route(cluster.id, cluster.name, service, at));
      }
    }
    return routes;
  }

  private route(cluster: string, clusterName: string, service: ServiceView, at: number): RouteView {
    const host = `${service.name}.${clusterName}.localhost`;
    const body = this.body(host);
    const own = [...(this.world.instances.get(cluster)?.values() ?? [])].filter((each) => each.service === service.name && each.ports.length > 0);
    const perSecond = body.usual * (1 + 0.35 * Math.sin(at / 19_000 + body.phase) + 0.1 * Math.sin(at / 2_300 + body.phase));
    const backends = own.map((status, nth): BackendView => {
      const up = status.state === "ready" || status.state === "degraded";
      const ejected = this.troubled && up && nth === 1 && own.length > 1;
      const state = status.state === "stopping" ? "draining" : !up ? "withheld" : ejected ? "ejected" : "serving";
      return {
        id: status.instance, instance: status.instance, address: `127.0.0.1:${status.ports[0] ?? 0}`, state,
        why: state === "ejected" ? "5 of its last 5 answers were 503" : state === "withheld" ? status.reason.text : state === "draining" ? "it is about to be stopped" : null,
        until: state === "ejected" ? this.world.began + 42_000 : null,
        in_flight: state === "serving" ? Math.round(perSecond * body.latency / 1_000) : 0,
        traffic: NONE,
      };
    });
    const serving = backends.filter((each) => each.state === "serving").length;
    const failing = serving === 0 ? perSecond : this.troubled && backends.some((each) => each.state === "ejected") ? perSecond * 0.02 : 0;
    const whole = this.traffic(body, perSecond, failing, 1);
    for (const each of backends) {
      const part = each.state === "serving" ? 1 / serving : 0;
      each.traffic = this.traffic(body, perSecond * part, 0, part);
    }
    const down = own.find((each) => each.state !== "ready");
    return {
      host, prefix: `/${clusterName}/${service.name}`, cluster, name: service.name,
      balance: service.replicas > 1 && service.name.includes("store") ? "hash" : "least_of_two", backends,
      unavailable: serving > 0 ? null : { why: down === undefined ? "no instance is ready yet" : `${down.instance}: ${down.reason.text}`, since: down?.since ?? this.world.began },
      traffic: whole, retries: failing > 0 ? 14 : body.retries, retry_budget: failing > 0 ? 0.64 : 1,
    };
  }

  private traffic(body: Body, perSecond: number, failing: number, part: number): Traffic {
    const [rate, quiet] = [Math.round(perSecond * 10) / 10, perSecond < 0.1];
    const total = Math.round(body.total * part);
    return {
      total, failed: Math.round(body.failed * part), per_second: quiet ? 0 : rate, failed_per_second: Math.round(failing * 10) / 10,
      p50_ms: quiet ? null : body.latency * (0.95 + 0.1 * Math.sin(rate)), p99_ms: quiet ? null : body.latency * (3.2 + Math.sin(rate * 3)),
      bytes_in: total * 240, bytes_out: total * 5_200,
    };
  }

  /** Who asks whom: what is known of services that need one another. */
  edges(): GatewayEdge[] {
    return this.routes(Date.now()).flatMap((route) => {
      const cluster = this.world.clusters.get(route.cluster ?? "");
      const callers = cluster?.services.filter((each) => each.needs.includes(route.name)).slice(0, 3) ?? [];
      return callers.map((each, _nth, all) => ({ cluster: route.cluster ?? "", caller: each.name, host: route.host, traffic: this.share(route.traffic, all.length) }));
    });
  }

  private share(traffic: Traffic, of: number): Traffic {
    return { ...traffic, total: Math.round(traffic.total / of), per_second: traffic.per_second / of, failed_per_second: traffic.failed_per_second / of };
  }

  message(after: number, most: number): GatewayMessage {
    if (this.off) return { at: Date.now(), gateway: null, gone: [], edges: [], requests: [] };
    const routes = this.routes(Date.now());
    const busy = routes.filter((each) => each.traffic.per_second > 0).length;
    return structuredClone({
      at: Date.now(), gateway: { address: this.address, connections: busy * 2 + 1, routes, total: routes.length, refused: this.refused }, gone: [], edges: this.edges(),
      requests: this.requests.filter((each) => each.seq > after).slice(-most),
    });
  }

  watch(most: number, onMessage: (message: GatewayMessage) => void): () => void {
    let told = 0;
    let hosts = new Set<string>();
    const tell = (): void => {
      const message = this.message(told, told === 0 ? most : KEPT);
      told = message.requests.at(-1)?.seq ?? told;
      const now = new Set(message.gateway?.routes.map((each) => each.host));
      message.gone = [...hosts].filter((host) => !now.has(host));
      hosts = now;
      onMessage(message);
    };
    this.readers.add(tell);
    const first = setTimeout(tell, 0);
    return () => {
      clearTimeout(first);
      this.readers.delete(tell);
    };
  }

  try({ host, method, path, headers = [], body }: GatewayTry): GatewayTried {
    const route = this.routes(Date.now()).find((each) => each.host === host);
    if (!route) throw new CallError("conflict", `the gateway has no route ${host}; \`azora gateway\` lists those there are`);
    const backend = route.backends.find((each) => each.state === "serving");
    const status = backend === undefined ? 503 : path.startsWith("/missing") ? 404 : 200;
    const said = backend === undefined ? { error: "no instance serves", why: route.unavailable?.why } : { service: route.name, instance: backend.instance, method, path, headers: Object.fromEntries(headers), body: body ?? null };
    const text = `${JSON.stringify(said, null, 2)}\n`;
    this.note({ at: Date.now(), host, method, path: path.split("?")[0] ?? "/", status, took_ms: 2.4, backend: backend?.id ?? null, caller: null, whence: "outside", retries: 0, error: backend === undefined ? "no instance serves" : null });
    return {
      status, head_ms: 2.4, took_ms: 2.9, bytes: text.length, body: text, cut: null,
      headers: [["content-type", "application/json"], ["x-request-id", this.seq.toString(16).padStart(16, "0")], ["content-length", `${text.length}`]],
    };
  }
}

const NONE: Traffic = { total: 0, failed: 0, per_second: 0, failed_per_second: 0, p50_ms: null, p99_ms: null, bytes_in: 0, bytes_out: 0 };
