// Keeps a `Home` true by the feed: opens it, applies numbered deltas, and when a number is missing or
// the stream breaks opens it again and starts from the new snapshot. It never asks in between.

import type { Platform } from "../platform/types";
import type { Act, ActId, Change, FeedMessage } from "./generated";
import { Home, TOPICS, type Topic } from "./home";

/** How the page hears from the engine at the moment. */
export type Connection =
  | { state: "connecting" }
  | { state: "live" }
  /** Nobody looks at the page, so it does not listen. What it shows is as it was then. */
  | { state: "asleep" }
  /** `retry` is when the next try begins, in ms since the epoch. */
  | { state: "lost"; since: number; reason: string; retry: number };

/** What the outside gives it, so that tests own time. */
export interface Clock {
  now(): number;
  /** Runs once later; returns how to call it off. */
  after(ms: number, run: () => void): () => void;
  /** Runs once before the next picture is drawn, or soon when nothing is drawn. */
  frame(run: () => void): void;
}

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 10_000;

type Listener = () => void;

export class Live {
  readonly home = new Home();
  connection: Connection = { state: "connecting" };
  /** Counts snapshots; a reader that keeps something of its own (a chart) starts over when it moves. */
  pictures = 0;

  private seq = 0;
  private tries = 0;
  private stopFeed: (() => void) | null = null;
  private stopRetry: (() => void) | null = null;
  private readonly listeners = new Map<Topic | "connection", Set<Listener>>();
  private readonly watchers = new Set<(change: Change) => void>();
  private readonly dirty = new Set<Topic | "connection">();
  private flushing = false;

  constructor(
    private readonly platform: Platform,
    private readonly clock: Clock,
  ) {}

  /** Opens the feed. Call once. */
  start(): void {
    this.open();
  }

  /** Lets go of the feed. */
  stop(): void {
    this.stopFeed?.();
    this.stopRetry?.();
    this.stopFeed = this.stopRetry = null;
  }

  /** Lets go of the feed while nobody looks. */
  sleep(): void {
    this.stop();
    this.setConnection({ state: "asleep" });
  }

  /** Listens again, from a new snapshot; until that is there, what is shown is as it was. */
  wake(): void {
    if (this.connection.state === "asleep" && this.stopFeed === null) this.open();
  }

  /** Tries at once instead of when the wait is over. */
  retryNow(): void {
    if (this.connection.state !== "lost") return;
    this.stopRetry?.();
    this.open();
  }

  /** Calls `listener` after changes of a topic, at most once a frame. Returns how to stop. */
  subscribe(topic: Topic | "connection", listener: Listener): () => void {
    let set = this.listeners.get(topic);
    if (!set) this.listeners.set(topic, (set = new Set()));
    set.add(listener);
    return () => set.delete(listener);
  }

  /** Calls `watcher` for every single change, in order, as it arrives. Returns how to stop. */
  watch(watcher: (change: Change) => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** Puts acts that were asked for by a call into the picture. */
  learnActs(acts: readonly Act[]): void {
    for (const act of acts) {
      const known = this.home.acts.get(act.id);
      if (!known || known.outcome.kind === "pending") this.home.acts.set(act.id, act);
    }
    this.touch(["acts"]);
  }

  /** Resolves with the act once the engine has said what came of it. */
  settled(act: Act): Promise<Act> {
    this.learnActs([act]);
    return this.settledById(act.id);
  }

  /** Like `settled`, for an act of which only the number is known. */
  settledById(id: ActId): Promise<Act> {
    return new Promise((resolve) => {
      const look = (): boolean => {
        const now = this.home.acts.get(id);
        if (!now || now.outcome.kind === "pending") return false;
        resolve(now);
        return true;
      };
      if (look()) return;
      const stop = this.subscribe("acts", () => {
        if (look()) stop();
      });
    });
  }

  private open(): void {
    this.stopFeed?.();
    // A stream that was let go of may still deliver; only the newest one is listened to.
    let mine = true;
    const stop = this.platform.stream(
      "feed",
      {},
      (message) => {
        if (mine) this.take(message);
      },
      (ended) => {
        if (mine) this.lost(ended.reason);
      },
    );
    this.stopFeed = () => {
      mine = false;
      stop();
    };
  }

  private take(message: FeedMessage): void {
    if (message.kind === "snapshot") {
      this.home.load(message.snapshot);
      this.seq = message.snapshot.seq;
      this.tries = 0;
      this.pictures += 1;
      const again = this.pictures > 1;
      this.setConnection({ state: "live" });
      this.touch(TOPICS);
      if (again) void this.catchUpOnActs();
      return;
    }
    const { seq, change } = message.delta;
    if (seq <= this.seq) return;
    if (seq !== this.seq + 1) {
      // Something was missed. What we hold may be wrong, so ask for the whole picture.
      this.open();
      return;
    }
    this.seq = seq;
    this.touch(this.home.apply(change));
    for (const watcher of this.watchers) watcher(change);
  }

  /** Acts that ended while nobody listened are in the book, not in the feed. */
  private async catchUpOnActs(): Promise<void> {
    if (![...this.home.acts.values()].some((act) => act.outcome.kind === "pending")) return;
    try {
      this.learnActs(await this.platform.call("acts", { limit: 200 }));
    } catch {
      // The connection broke again; the next snapshot comes by here once more.
    }
  }

  private lost(reason: string): void {
    this.stopFeed?.();
    this.stopFeed = null;
    const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.tries);
    this.tries += 1;
    const now = this.clock.now();
    const since = this.connection.state === "lost" ? this.connection.since : now;
    this.setConnection({ state: "lost", since, reason, retry: now + wait });
    this.stopRetry?.();
    this.stopRetry = this.clock.after(wait, () => this.open());
  }

  private setConnection(connection: Connection): void {
    this.connection = connection;
    this.touch(["connection"]);
  }

  private touch(topics: readonly (Topic | "connection")[]): void {
    if (topics.length === 0) return;
    for (const topic of topics) this.dirty.add(topic);
    if (this.flushing) return;
    this.flushing = true;
    this.clock.frame(() => {
      this.flushing = false;
      const dirty = [...this.dirty];
      this.dirty.clear();
      for (const topic of dirty) for (const listener of [...(this.listeners.get(topic) ?? [])]) listener();
    });
  }
}

/** The page's own clock. */
export function pageClock(): Clock {
  return {
    now: () => Date.now(),
    after: (ms, run) => {
      const id = setTimeout(run, ms);
      return () => clearTimeout(id);
    },
    frame: (run) => {
      // A hidden page draws no frames and still wants its data, only less often.
      if (document.hidden) setTimeout(run, 250);
      else requestAnimationFrame(run);
    },
  };
}
