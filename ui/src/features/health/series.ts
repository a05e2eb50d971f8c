// One instance's history for charts: asked for once, then carried on by the feed. Buckets keep the
// engine's grid, so that what the page adds lies where the engine will have put it.

import type { Act, Evidence, History, HistoryPoint, Pulse, State } from "../../ipc/generated";
import { compareStates } from "./states";

/** What charts draw: one array a line, all of one length. Times in seconds, as uPlot wants them. */
export interface Columns {
  times: number[];
  latency: (number | null)[];
  latencyMax: (number | null)[];
  /** Failed probes as a share from 0 to 1; `null` when none was made. */
  errors: (number | null)[];
  cpu: (number | null)[];
  memory: (number | null)[];
  states: State[];
}

export class Series {
  readonly bucketMs: number;
  private readonly points: HistoryPoint[];
  readonly marks: [number, string][];
  /** What others than healing did to it, oldest first. */
  acts: Act[];
  /** Of the newest bucket, for its median and mean. */
  private latencies: number[] = [];
  private cpus: number[] = [];
  private last: Evidence | null = null;
  /** As it is, where a bucket keeps the worst of what it was. */
  private present: State;

  constructor(
    history: History,
    readonly rangeMs: number,
    /** What is looked at ends there, and stands still; it goes on with the time unless given. */
    private readonly until = Infinity,
  ) {
    this.bucketMs = Math.max(1, history.bucket_ms);
    this.points = [...history.points];
    this.marks = [...history.marks];
    this.acts = [...history.acts];
    this.present = this.points.at(-1)?.state ?? "stopped";
    this.seed();
  }

  /** New measurements, at `at`. A pulse repeats the last probe until there is a newer one; that counts once. */
  pulse(at: number, pulse: Pulse, state: State): void {
    const point = this.bucket(at, state);
    this.present = state;
    this.cpus.push(pulse.usage.cpu);
    point.cpu = this.cpus.reduce((sum, value) => sum + value, 0) / this.cpus.length;
    point.memory = pulse.usage.memory;
    const seen = pulse.health;
    if (seen === null || same(seen, this.last)) return;
    this.last = seen;
    if (seen.verdict === "trouble") return;
    point.probes += 1;
    if (seen.verdict === "fail") {
      point.failed += 1;
      return;
    }
    const ms = seen.latency_us / 1_000;
    this.latencies.push(ms);
    point.latency_ms = median(this.latencies);
    point.latency_max_ms = Math.max(point.latency_max_ms ?? 0, ms);
  }

  /** The instance went into a state; a bucket shows the worst one. */
  state(at: number, state: State): void {
    const point = this.bucket(at, this.present);
    if (compareStates(state, point.state) < 0) point.state = state;
    this.present = state;
  }

  /** Healing acted. */
  mark(at: number, text: string): void {
    if (at <= this.until && !this.marks.some(([when, what]) => when === at && what === text)) this.marks.push([at, text]);
  }

  /** Somebody did something; told again when it has come to something. */
  act(act: Act): void {
    if (act.at > this.until) return;
    const at = this.acts.findIndex((each) => each.id === act.id);
    this.acts = at < 0 ? [...this.acts, act] : this.acts.with(at, act);
  }

  /** From the first measurement on: a young service's chart begins with the service. */
  columns(): Columns {
    const from = Math.max(0, this.points.findIndex(measured));
    const seen = from === 0 ? this.points : this.points.slice(from);
    const of = <T>(read: (point: HistoryPoint) => T): T[] => seen.map(read);
    return {
      times: of((point) => point.at / 1_000),
      latency: of((point) => point.latency_ms),
      latencyMax: of((point) => point.latency_max_ms),
      errors: of((point) => (point.probes > 0 ? point.failed / point.probes : null)),
      cpu: of((point) => point.cpu),
      memory: of((point) => point.memory),
      states: of((point) => point.state),
    };
  }

  point(index: number): HistoryPoint | undefined {
    return this.points[index];
  }

  /** The bucket that `at` falls in; opens it, and empty ones up to it, when it is new. */
  private bucket(at: number, state: State): HistoryPoint {
    let newest = this.points.at(-1);
    if (!newest) {
      newest = empty(Math.ceil(at / this.bucketMs) * this.bucketMs, state);
      this.points.push(newest);
    }
    const steps = Math.ceil((at - newest.at) / this.bucketMs);
    if (steps <= 0) return newest;
    const most = Math.ceil(this.rangeMs / this.bucketMs);
    for (let step = Math.max(1, steps - most); step <= steps; step += 1) {
      this.points.push(empty(newest.at + step * this.bucketMs, step === steps ? state : this.present));
    }
    const oldest = at - this.rangeMs;
    while ((this.points[0]?.at ?? Infinity) < oldest) this.points.shift();
    while ((this.marks[0]?.[0] ?? Infinity) < oldest) this.marks.shift();
    this.acts = this.acts.filter((act) => act.at >= oldest);
    this.latencies = [];
    this.cpus = [];
    return this.points.at(-1) ?? newest;
  }

  /** The newest bucket may be half full already. */
  private seed(): void {
    const newest = this.points.at(-1);
    if (!newest) return;
    if (newest.latency_ms !== null) this.latencies = [newest.latency_ms];
    if (newest.cpu !== null) this.cpus = [newest.cpu];
  }
}

function measured(point: HistoryPoint): boolean {
  return point.probes > 0 || point.latency_ms !== null || point.cpu !== null;
}

/**
 * The shortest of `ranges` that holds all that was measured, if that is shorter than `asked`: a week's buckets
 * would show an hour as one point.
 */
export function tighter(history: History, now: number, asked: number, ranges: readonly number[]): number | null {
  const first = history.points.find(measured);
  if (!first) return null;
  const age = now - first.at + history.bucket_ms;
  return ranges.filter((range) => range < asked && range >= age * 1.05).sort((a, b) => a - b)[0] ?? null;
}

function empty(at: number, state: State): HistoryPoint {
  return { at, latency_ms: null, latency_max_ms: null, failed: 0, probes: 0, state, cpu: null, memory: null };
}

function same(a: Evidence, b: Evidence | null): boolean {
  return b !== null && a.latency_us === b.latency_us && a.verdict === b.verdict && a.detail === b.detail;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
