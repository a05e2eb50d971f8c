// Clusters to show: a small shop, the demo cluster as its definition has it, and a fleet of 1,000.

import type { ObservedConnection, ServiceView } from "../../ipc/generated";
import demo from "../../../../examples/azora-os/azora.toml?raw";
import { random, seedOf } from "./random";

function service(name: string, category: string, needs: string[], more: Partial<ServiceView> = {}): ServiceView {
  return {
    name, category, needs, replicas: 1, oneshot: false, protected: false, tty: false, run: `organ --name ${name} --port $PORT`,
    startup: null, ready: null, health: "GET /health every 5 s", limits: [], ...more,
  };
}

export const SHOP: ServiceView[] = [
  service("db", "data", [], { run: "postgres -D data -p $PORT", health: "tcp $PORT every 5 s", protected: true }),
  service("api", "services", ["db"], { run: "node server.js", replicas: 2, tty: true, health: "GET /health every 5 s" }),
  service("web", "services", ["api"], { run: "npm run dev -- --port $PORT" }),
];

export const REAL_STACK: ServiceView[] = [
  service("initdb", "data", [], { run: "initdb -D data", oneshot: true, health: null }),
  service("postgres", "data", ["initdb"], { run: "postgres -D data -p $PORT", protected: true }),
  service("redis", "data", [], { run: "redis-server --port $PORT" }),
  service("app", "services", ["postgres", "redis"], { run: "node app.js" }),
  service("nginx", "edge", ["app"], { run: "nginx -p . -c nginx.conf -g 'daemon off;'" }),
];

/** A compose file beside processes: containers, a migration that comes first, and a tool that only its profile brings up. */
export const MIXED: ServiceView[] = [
  service("db", "data", [], { run: "image postgres:17-alpine", health: "its own check every 5 s", protected: true }),
  service("cache", "data", [], { run: "image valkey/valkey:8, command valkey-server --save ''", health: "tcp 6379 every 5 s" }),
  service("migrate", "jobs", ["db"], { run: "npm run migrate", oneshot: true, health: null }),
  service("api", "services", ["cache", "db", "migrate"], { run: "image bookshop-api built from api", terms: { migrate: { until: "succeeded", required: true } } }),
  service("worker", "services", ["cache", "db", "migrate"], { run: "node worker.js", replicas: 2, terms: { migrate: { until: "succeeded", required: true } } }),
  service("web", "edge", ["api"], { run: "npm run dev -- --port $PORT", tty: true }),
  service("adminer", "tools", ["db"], { run: "image adminer:5" }),
];

/** What runs by a schedule, what waits for its first time, and a daemon that may end and has. */
export const JOBS: ServiceView[] = [
  service("db", "data", [], { run: "postgres -D data -p $PORT", health: "tcp $PORT every 5 s", protected: true }),
  service("warm-cache", "data", ["db"], { run: "node warm-cache.js", health: null }),
  service("api", "services", ["db", "warm-cache"], { run: "node server.js", terms: { "warm-cache": { until: "started", required: true } } }),
  service("mail-digest", "jobs", ["api"], { run: "node digest.js", oneshot: true, health: null, schedule: "0 * * * * (Europe/Berlin)" }),
  service("nightly-backup", "jobs", ["db"], { run: "pg_dump -f backup.sql", oneshot: true, health: null, schedule: "0 2 * * * (Europe/Berlin)" }),
  service("prune-sessions", "jobs", ["db"], { run: "node prune.js", oneshot: true, health: null, schedule: "every 6h" }),
];

const PROTECTED = new Set(["service-registry", "secret-vault", "general-ledger", "azora-covenant"]);
const DOUBLE = new Set(["event-bus", "session-store", "payment-gateway", "time-series-store", "recommendation-engine"]);

/** The services of `examples/azora-os`. Reads the form that file is written in, not all of TOML. */
export function azoraOs(): ServiceView[] {
  return demo.split(/^\[service\./m).slice(1).map((block) => {
    const value = (key: string): string => new RegExp(`^${key} = (.*)$`, "m").exec(block)?.[1] ?? "";
    const words = (text: string): string[] => [...text.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? "");
    const name = block.slice(0, block.indexOf("]"));
    return service(name, words(value("category"))[0] ?? "", words(value("needs")), {
      run: words(value("run"))[0] ?? "", replicas: DOUBLE.has(name) ? 2 : 1, protected: PROTECTED.has(name),
    });
  });
}

/** Category, the services everyone knows, and what the rest are called after. */
const CATEGORIES: [string, string[], string][] = [
  ["Core-Infrastructure", ["service-registry", "config-store", "api-gateway", "event-bus", "azora-nexus"], "core"],
  ["AI-Intelligence", ["elara-deity", "elara-core", "elara-agent", "ai-agent-service", "azora-oracle"], "model"],
  ["Financial-Services", ["azora-mint", "payments", "azora-covenant", "ledger-writer"], "finance"],
  ["Education-Platform", ["azora-sapiens", "course-catalog", "enrolment"], "learning"],
  ["Security-Compliance", ["azora-aegis", "compliance-service", "secrets", "audit-trail"], "security"],
  ["Data-Analytics", ["analytics-service", "azora-synapse", "warehouse"], "data"],
  ["User-Management", ["accounts", "sessions", "profiles"], "user"],
  ["Content-Publishing", ["azora-scriptorium", "azora-workspace", "media-store"], "content"],
  ["Communication", ["mailer", "chat", "notifications"], "comm"],
  ["Blockchain-Crypto", ["azora-forge", "chain-node", "wallet"], "chain"],
];
const TAILS = [
  "indexer", "cache", "worker", "search", "stream", "scheduler", "store", "router", "sync", "reports", "rules",
  "archive", "metrics", "queue", "export", "import", "replay", "limits", "tokens", "feeds", "graph", "batch",
];
const KNOWN_NEEDS: Record<string, string[]> = {
  "service-registry": ["config-store"],
  "event-bus": ["config-store"],
  "azora-aegis": ["secrets", "service-registry"],
  "azora-covenant": ["azora-aegis", "ledger-writer"],
  "azora-mint": ["azora-covenant", "azora-aegis"],
  "elara-core": ["event-bus", "azora-synapse"],
  "elara-agent": ["elara-core"],
  "elara-deity": ["elara-agent", "azora-covenant"],
  "api-gateway": ["service-registry", "sessions"],
};

/** What looks at the sockets would have seen: most of what is needed, and a little that is not declared. */
export function seen(services: readonly ServiceView[], began: number): ObservedConnection[] {
  const chance = random(seedOf(`seen ${services.length}`));
  const edge = (from: string, to: string, declared: "need" | "no"): ObservedConnection => ({
    from, to, at: [{ kind: "tcp", port: 5_000 + (seedOf(to) % 1_000) }], seen: 3 + Math.floor(chance() * 400),
    first: began - 3_600_000, last: began - Math.floor(chance() * 4_000), declared,
  });
  const found = services.flatMap((service) => service.needs.filter(() => chance() < 0.8).map((need) => edge(service.name, need, "need")));
  const bottom = services.filter((service) => service.needs.length === 0);
  services.forEach((service, nth) => {
    const other = bottom[nth % Math.max(1, bottom.length)];
    if (!other || nth % 9 !== 4 || service.needs.length === 0 || service.needs.includes(other.name)) return;
    found.push(edge(service.name, other.name, "no"));
  });
  return found;
}

/** `count` services in ten categories, layered, about three needs each. */
export function fleet(count: number): ServiceView[] {
  const chance = random(seedOf(`azora-os ${count}`));
  const pick = <T>(list: readonly T[]): T => list[Math.floor(chance() * list.length)] as T;
  const names: { name: string; category: string }[] = [];
  for (const [category, known] of CATEGORIES) for (const name of known) names.push({ name, category });
  for (let at = 0; names.length < count; at += 1) {
    const entry = CATEGORIES[at % CATEGORIES.length];
    if (!entry) break;
    const round = Math.floor(at / CATEGORIES.length);
    const tail = TAILS[round % TAILS.length] ?? "worker";
    const again = Math.floor(round / TAILS.length);
    names.push({ name: `${entry[2]}-${tail}${again > 0 ? `-${again + 1}` : ""}`, category: entry[0] });
  }
  // Ranks thin out upwards; each service needs some of the ranks below, mostly of its own category.
  const rank = new Map<string, number>();
  const made: ServiceView[] = [];
  const spread = 9;
  for (const { name, category } of names.slice(0, count)) {
    const known = KNOWN_NEEDS[name];
    const mine = known ? 5 : Math.floor(chance() ** 1.5 * spread);
    rank.set(name, mine);
    made.push(service(name, category, known ?? [], {
      replicas: chance() < 0.06 ? 2 : 1,
      protected: ["azora-covenant", "azora-aegis", "ledger-writer", "config-store"].includes(name),
    }));
  }
  for (const each of made) {
    if (each.needs.length > 0) continue;
    const below = made.filter((other) => !KNOWN_NEEDS[other.name] && (rank.get(other.name) ?? 0) < (rank.get(each.name) ?? 0));
    const near = below.filter((other) => other.category === each.category);
    // About three lines for each service, however often the same is picked twice.
    const wanted = below.length === 0 ? 0 : 1 + Math.floor(chance() * (count >= 1_000 ? 8 : 5));
    const needs = new Set<string>();
    for (let n = 0; n < wanted; n += 1) needs.add(pick(near.length > 0 && chance() < 0.7 ? near : below).name);
    each.needs = [...needs].sort();
  }
  return made;
}
