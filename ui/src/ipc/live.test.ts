import { describe, expect, it } from "vitest";
import type { Call, Ended, Platform, Request, Response, Stream } from "../platform/types";
import type { Act, Change, ClusterView, FeedMessage, InstanceStatus, Snapshot } from "./generated";
import { Live, type Clock } from "./live";
import { ASLEEP_AFTER_MS, sleepWhileHidden } from "./sleep";

const empty: Snapshot = {
  seq: 10,
  engine: { pid: 1, version: "0", home: "/h", api: null, registry: null, gateway: null, consul: null, limits: [] },
  overall: "stopped",
  clusters: [],
  instances: {},
  pulses: {},
  connections: {},
  incidents: [],
  events: [],
  registry: [],
  registry_total: 0,
  mutes: [],
};
const cluster: ClusterView = {
  id: "shop-1", name: "shop", folder: "/shop", overall: "operational", reason: "", held: false, services: [],
};
const status = (instance: string, state: InstanceStatus["state"]): InstanceStatus => ({
  instance, service: instance.split(".")[0] ?? "", category: "services", state, reason: { text: state }, pid: 1,
  ports: [], generation: 1, restarts: 0, since: 0, marks: { held: false, shim_lost: false },
});
const act = (outcome: Act["outcome"]): Act => ({
  id: 7, at: 0, actor: { kind: "person", via: "window" }, verb: "restart",
  target: { cluster: "shop-1", services: ["api"], instance: null }, reason: "", outcome,
});

/** A host whose feed the test speaks, and a clock the test moves. */
class Rig {
  feeds: { say: (message: FeedMessage) => void; end: (ended: Ended) => void; stopped: boolean }[] = [];
  timers: { ms: number; run: () => void }[] = [];
  frames: (() => void)[] = [];
  answers: Partial<Record<Call, unknown>> = {};
  live: Live;
  clock: Clock;
  time = 0;

  constructor() {
    const feeds = this.feeds;
    const answers = this.answers;
    const platform: Platform = {
      kind: "fake",
      call: <C extends Call>(name: C, _request: Request<C>) => Promise.resolve(answers[name] as Response<C>),
      stream: (_name: Stream, _request, onMessage, onEnd) => {
        const feed = { say: onMessage as (message: FeedMessage) => void, end: onEnd, stopped: false };
        feeds.push(feed);
        return () => {
          feed.stopped = true;
        };
      },
      save: () => Promise.resolve(null),
      openExternal: () => undefined,
    };
    this.clock = {
      now: () => this.time,
      after: (ms, run) => {
        const timer = { ms, run };
        this.timers.push(timer);
        return () => {
          this.timers = this.timers.filter((each) => each !== timer);
        };
      },
      frame: (run) => this.frames.push(run),
    };
    this.live = new Live(platform, this.clock);
    this.live.start();
  }

  get feed() {
    const feed = this.feeds.at(-1);
    if (!feed) throw new Error("no feed was opened");
    return feed;
  }
  delta(seq: number, change: Change): void {
    this.feed.say({ kind: "delta", delta: { seq, change } });
  }
  draw(): void {
    for (const frame of this.frames.splice(0)) frame();
  }
}

describe("the feed", () => {
  it("draws the snapshot and then each delta on it", () => {
    const rig = new Rig();
    rig.feed.say({ kind: "snapshot", snapshot: { ...empty, clusters: [cluster] } });
    rig.delta(11, { kind: "instances", cluster: "shop-1", instances: [status("api.0", "starting")] });
    rig.delta(12, { kind: "instances", cluster: "shop-1", instances: [status("api.0", "ready")] });
    expect(rig.live.home.instances.get("shop-1")?.get("api.0")?.state).toBe("ready");
    rig.delta(13, { kind: "instances_removed", cluster: "shop-1", instances: ["api.0"] });
    expect(rig.live.home.instances.get("shop-1")?.size).toBe(0);
    rig.delta(14, { kind: "cluster_state", cluster: "shop-1", state: "critical", reason: "1 failing", held: true, overall: "critical" });
    const shop = rig.live.home.clusters.get("shop-1");
    expect([rig.live.home.overall, shop?.overall, shop?.reason, shop?.held]).toEqual(["critical", "critical", "1 failing", true]);
    expect(shop?.services).toEqual(cluster.services);
    const more = { kind: "cluster_state", cluster: "shop-1", state: "critical", reason: "1 failing", held: true, overall: "critical" } as const;
    const mode = (): unknown => rig.live.home.clusters.get("shop-1")?.autonomy;
    rig.delta(15, { ...more, autonomy: "advise", held_until: 7 });
    expect([mode(), rig.live.home.clusters.get("shop-1")?.held_until]).toEqual(["advise", 7]);
    rig.delta(16, more);
    expect([mode(), rig.live.home.clusters.get("shop-1")?.held_until]).toEqual([undefined, undefined]);
    const mute = { cluster: "shop-1", service: null, since: 0, until: null };
    rig.delta(17, { kind: "mutes", mutes: [mute] });
    expect(rig.live.home.mutes).toEqual([mute]);
    rig.delta(18, { kind: "cluster_removed", cluster: "shop-1" });
    expect(rig.live.home.clusters.size).toBe(0);
  });

  it("opens a new feed when a number is missing, and ignores the old one from then on", () => {
    const rig = new Rig();
    rig.feed.say({ kind: "snapshot", snapshot: empty });
    const old = rig.feed;
    rig.delta(13, { kind: "cluster", cluster, overall: "operational" });
    expect(rig.feeds).toHaveLength(2);
    expect(old.stopped).toBe(true);
    old.say({ kind: "delta", delta: { seq: 11, change: { kind: "cluster", cluster, overall: "critical" } } });
    expect(rig.live.home.clusters.size).toBe(0);
    rig.feed.say({ kind: "snapshot", snapshot: { ...empty, seq: 13, clusters: [cluster] } });
    expect(rig.live.home.clusters.size).toBe(1);
    expect(rig.live.pictures).toBe(2);
  });

  it("takes a number it already has for old news", () => {
    const rig = new Rig();
    rig.feed.say({ kind: "snapshot", snapshot: empty });
    rig.delta(10, { kind: "cluster", cluster, overall: "critical" });
    expect(rig.live.home.clusters.size).toBe(0);
    expect(rig.feeds).toHaveLength(1);
  });

  it("takes a snapshot in the middle of a stream for the whole truth", () => {
    const rig = new Rig();
    rig.feed.say({ kind: "snapshot", snapshot: { ...empty, clusters: [cluster] } });
    rig.feed.say({ kind: "snapshot", snapshot: { ...empty, seq: 40 } });
    expect(rig.live.home.clusters.size).toBe(0);
    rig.delta(41, { kind: "cluster", cluster, overall: "operational" });
    expect(rig.live.home.clusters.size).toBe(1);
  });

  it("waits longer each time nobody answers, and says so", () => {
    const rig = new Rig();
    const waits = [];
    for (let i = 0; i < 7; i += 1) {
      rig.feed.end({ reason: "gone" });
      expect(rig.live.connection).toMatchObject({ state: "lost", reason: "gone" });
      const timer = rig.timers.shift();
      waits.push(timer?.ms);
      timer?.run();
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000]);
    rig.feed.say({ kind: "snapshot", snapshot: empty });
    expect(rig.live.connection.state).toBe("live");
    rig.feed.end({ reason: "gone" });
    expect(rig.timers[0]?.ms).toBe(250);
  });

  it("tells each reader once a frame, however much changed", () => {
    const rig = new Rig();
    rig.feed.say({ kind: "snapshot", snapshot: empty });
    rig.draw();
    let heard = 0;
    let changes = 0;
    rig.live.subscribe("instances", () => (heard += 1));
    rig.live.watch(() => (changes += 1));
    for (let seq = 11; seq <= 210; seq += 1) {
      rig.delta(seq, { kind: "instances", cluster: "shop-1", instances: [status("api.0", "ready")] });
    }
    expect([heard, changes]).toEqual([0, 200]);
    rig.draw();
    expect(heard).toBe(1);
  });
});

describe("a page that nobody sees", () => {
  const page = () => {
    const listeners = new Set<() => void>();
    return {
      hidden: false,
      addEventListener: (_name: string, listener: () => void) => listeners.add(listener),
      removeEventListener: (_name: string, listener: () => void) => listeners.delete(listener),
      turn(hidden: boolean) {
        this.hidden = hidden;
        for (const listener of listeners) listener();
      },
    };
  };
  const begin = () => {
    const rig = new Rig();
    const shown = page();
    const stop = sleepWhileHidden(rig.live, shown as unknown as Document, rig.clock);
    rig.feed.say({ kind: "snapshot", snapshot: { ...empty, clusters: [cluster] } });
    return { rig, shown, stop };
  };

  it("lets go of the feed after a while, and starts from a new snapshot when it is seen again", () => {
    const { rig, shown } = begin();
    shown.turn(true);
    expect(rig.feed.stopped).toBe(false);
    expect(rig.timers[0]?.ms).toBe(ASLEEP_AFTER_MS);
    rig.timers[0]?.run();
    expect([rig.feed.stopped, rig.live.connection.state]).toEqual([true, "asleep"]);
    shown.turn(false);
    expect(rig.feeds).toHaveLength(2);
    // Until the snapshot is there it shows what it knew.
    expect([rig.live.connection.state, rig.live.home.clusters.size]).toEqual(["asleep", 1]);
    shown.turn(false);
    expect(rig.feeds).toHaveLength(2);
    rig.feed.say({ kind: "snapshot", snapshot: { ...empty, seq: 40 } });
    expect([rig.live.connection.state, rig.live.home.clusters.size]).toEqual(["live", 0]);
  });

  it("does so by what it is sent, too, where timers of hidden pages are late", () => {
    const { rig, shown } = begin();
    rig.time = 1_000;
    shown.turn(true);
    rig.time += ASLEEP_AFTER_MS - 1;
    rig.delta(11, { kind: "cluster", cluster, overall: "operational" });
    expect(rig.feed.stopped).toBe(false);
    rig.time += 1;
    rig.delta(12, { kind: "cluster", cluster, overall: "operational" });
    expect([rig.feed.stopped, rig.live.connection.state]).toEqual([true, "asleep"]);
  });

  it("keeps it when it is only out of sight for a moment", () => {
    const { rig, shown } = begin();
    shown.turn(true);
    shown.turn(false);
    expect(rig.timers).toHaveLength(0);
    expect([rig.feeds.length, rig.feed.stopped]).toEqual([1, false]);
  });

  it("stops trying again, too", () => {
    const { rig, shown } = begin();
    rig.feed.end({ reason: "gone" });
    shown.turn(true);
    for (const timer of rig.timers.filter((each) => each.ms === ASLEEP_AFTER_MS)) timer.run();
    expect(rig.timers.filter((each) => each.ms !== ASLEEP_AFTER_MS)).toHaveLength(0);
    shown.turn(false);
    expect(rig.feeds).toHaveLength(2);
  });
});

describe("an act", () => {
  it("is settled when the feed says what came of it", async () => {
    const rig = new Rig();
    rig.feed.say({ kind: "snapshot", snapshot: empty });
    const settled = rig.live.settled(act({ kind: "pending" }));
    const done = act({ kind: "done", detail: "api.0 is ready" });
    rig.delta(11, { kind: "event", event: { seq: 1, at: 0, cluster: null, what: { kind: "act", act: done } } });
    rig.draw();
    expect((await settled).outcome).toEqual({ kind: "done", detail: "api.0 is ready" });
  });

  it("that ended while the connection was lost is found in the book", async () => {
    const rig = new Rig();
    rig.feed.say({ kind: "snapshot", snapshot: empty });
    const settled = rig.live.settled(act({ kind: "pending" }));
    rig.feed.end({ reason: "gone" });
    rig.answers.acts = [act({ kind: "failed", detail: "no such program" })];
    rig.timers[0]?.run();
    rig.feed.say({ kind: "snapshot", snapshot: { ...empty, seq: 99 } });
    await Promise.resolve();
    await Promise.resolve();
    rig.draw();
    expect((await settled).outcome.kind).toBe("failed");
  });
});
