// A search through whole logs: the engine counts, the page shows how far it is and leads from one to the next.

import type { Client } from "../../ipc/client";
import type { InstanceId, LogLine, LogPlace } from "../../ipc/generated";
import { asked, type Needle } from "./find";
import type { Scope } from "./reading.svelte";

/** Places on the scroll bar at which finds are marked. */
const TICKS = 160;
/** Questions for the next one until the search is given up: 128 MB each. */
const MAX_ASKS = 2_000;

export class Search {
  /** How many lines hold it, until now. */
  count = $state(0);
  /** How much was looked through: 1 is all. */
  done = $state(1);
  problem = $state<string | null>(null);
  /** The line that was come to, and its number among all, from 1. */
  hit = $state.raw<{ instance: InstanceId; offset: number; nth: number | null } | null>(null);
  /** The way to the next one is under way. */
  going = $state(false);
  /** Where on the scroll bar lines were found. */
  ticks = $state.raw<readonly number[]>([]);

  private counts = new Map<InstanceId, number>();
  private ways = new Map<InstanceId, { from: number; at: number; end: number }>();
  /** The addresses of finds in the only log. */
  private found: number[] = [];
  private stop: (() => void) | null = null;
  private frame = 0;

  constructor(private readonly client: Client) {}

  begin(scope: Scope, needle: Needle): void {
    this.close();
    if (needle.text === "") return;
    const { cluster, instances, level, span } = scope;
    this.done = 0;
    this.stop = this.client.platform.stream(
      "search_logs",
      { cluster, instances: [...instances], ...asked(needle), ...(level === null ? {} : { level }), ...(span === null ? {} : { since: Date.now() - span }) },
      (told) => {
        if (told.problem !== undefined) this.problem = told.problem;
        this.counts.set(told.instance, told.count);
        this.ways.set(told.instance, told);
        if (instances.length === 1) for (const offset of told.found) this.found.push(offset);
        if (told.done) this.done = 1;
        if (this.frame === 0) this.frame = requestAnimationFrame(() => this.say(instances.length));
      },
      ({ reason }) => {
        this.problem = reason;
        this.done = 1;
      },
    );
  }

  private say(logs: number): void {
    this.frame = 0;
    let count = 0;
    for (const each of this.counts.values()) count += each;
    this.count = count;
    if (this.done < 1) {
      let part = 0;
      for (const { from, at, end } of this.ways.values()) part += end > from ? (at - from) / (end - from) : 1;
      this.done = Math.min(0.999, part / logs);
    }
    // One that the engine led to before all were known has its number now.
    if (logs === 1 && this.hit?.nth === null && this.done === 1 && this.found.length === count) this.hit = { ...this.hit, nth: this.index(this.hit.offset) + 1 };
    const way = [...this.ways.values()][0];
    if (logs !== 1 || !way || way.at <= way.from) return;
    const places = new Set<number>();
    for (const offset of this.found) places.add(Math.floor(((offset - way.from) / (Math.max(way.end, way.at) - way.from)) * TICKS));
    this.ticks = [...places].map((place) => place / TICKS);
  }

  close(): void {
    this.stop?.();
    this.stop = null;
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.counts = new Map();
    this.ways = new Map();
    this.found = [];
    this.ticks = [];
    this.count = 0;
    this.done = 1;
    this.problem = null;
    this.hit = null;
    this.going = false;
  }

  /** The next line that holds it, or the one before, as seen from a line; around the ends. */
  async next(scope: Scope, needle: Needle, from: LogLine | undefined, by: 1 | -1): Promise<LogLine | { instance: InstanceId; offset: number } | null> {
    if (this.going || needle.text === "") return null;
    const [only] = scope.instances;
    // The addresses of a hundred thousand are known; beyond, the engine is asked.
    if (scope.instances.length === 1 && only !== undefined && this.found.length === this.count && this.count > 0 && this.done === 1) {
      const at = this.hit?.offset ?? from?.offset ?? (by > 0 ? 0 : Infinity);
      const nth = this.hit ? this.index(at) + by : by > 0 ? this.index(at) : this.index(at) - 1;
      const number = (nth + this.count) % this.count;
      this.hit = { instance: only, offset: this.found[number] ?? 0, nth: number + 1 };
      return this.hit;
    }
    this.going = true;
    try {
      const line = await this.ask(scope, needle, from, by);
      if (line) this.hit = { instance: line.instance, offset: line.offset, nth: null };
      return line;
    } finally {
      this.going = false;
    }
  }

  /** The number of the first find at this address or behind it. */
  private index(offset: number): number {
    let [low, high] = [0, this.found.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.found[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private async ask(scope: Scope, needle: Needle, from: LogLine | undefined, by: 1 | -1): Promise<LogLine | null> {
    const { cluster, instances, level, span } = scope;
    const at = this.hit ?? from;
    const common = { cluster, instances: [...instances], ...asked(needle), ...(level === null ? {} : { level }), ...(span === null ? {} : { since: Date.now() - span }) };
    let place: LogPlace = { kind: "end" };
    if (at) {
      // Where that line lies in every log.
      const around = await this.client.read("view_logs", { cluster, instances: [...instances], place: { kind: "line", instance: at.instance, offset: at.offset }, limit: 2 });
      const line = around.lines[around.before];
      const places = { ...around.from };
      for (const each of around.lines.slice(0, around.before)) places[each.instance] = each.end;
      if (by > 0 && this.hit && line) places[at.instance] = line.end;
      place = { kind: by > 0 ? "after" : "before", places };
    } else if (by > 0) {
      const end = await this.client.read("view_logs", { cluster, instances: [...instances], place: { kind: "end" }, limit: 1 });
      place = { kind: "after", places: end.begin };
    }
    for (let asks = 0; asks < MAX_ASKS; asks += 1) {
      const view = await this.client.read("view_logs", { ...common, place, limit: 1 });
      const line = view.lines[0];
      if (line) return line;
      const next: LogPlace = place.kind === "after" ? { kind: "after", places: view.to } : { kind: "before", places: view.from };
      if (JSON.stringify(next) === JSON.stringify(place)) return null;
      place = next;
    }
    return null;
  }
}
