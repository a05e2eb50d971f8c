// Logs of simulated services: each has a past, and four more lines a second.

import type { InstanceId, LogCopy, LogLevel, LogLine, LogPage, LogRun, LogSearch, LogView, LogViewRequest, LogsRequest, Streams } from "../../ipc/generated";
import { LINE_BYTES, lineAt } from "./lines";

/** Without the colours that these lines have, which are their only escapes. */
function plain(text: string): string {
  const [first = "", ...coloured] = text.split("\u001b[");
  return first + coloured.map((part) => part.slice(part.indexOf("m") + 1)).join("");
}

/** Lines every simulated log already has. */
const PAST_LINES = 60_000;
const LINE_MS = 250;
const LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error"];
/** A filter gives up after so many lines of a log. */
const LOOK = 20_000;

type Filter = Pick<LogViewRequest, "grep" | "text" | "level" | "since" | "until">;

export class Logs {
  constructor(private readonly began: number) {}

  private get end(): number {
    return (PAST_LINES + Math.floor((Date.now() - this.began) / LINE_MS)) * LINE_BYTES;
  }

  private line(instance: InstanceId, offset: number): LogLine {
    return lineAt(instance, offset, this.began + (offset / LINE_BYTES - PAST_LINES) * LINE_MS);
  }

  private wants(filter: Filter): (line: LogLine) => boolean {
    const pattern = filter.grep === undefined ? null : new RegExp(filter.grep, "iu");
    const text = filter.text?.toLowerCase();
    return (line) => {
      const shown = plain(line.text);
      return (
        (pattern === null || pattern.test(shown)) &&
        (text === undefined || shown.toLowerCase().includes(text)) &&
        (filter.level === undefined || (line.level !== undefined && LEVELS.indexOf(line.level) >= LEVELS.indexOf(filter.level))) &&
        (filter.since === undefined || (line.at ?? 0) >= filter.since) &&
        (filter.until === undefined || (line.at ?? 0) <= filter.until)
      );
    };
  }

  page({ cluster, instance, before, after, limit = 500, ...filter }: LogsRequest): LogPage {
    const end = this.end;
    const view = this.view({ cluster, instances: [instance], limit, place: after !== undefined ? { kind: "after", places: { [instance]: after } } : { kind: "before", places: { [instance]: before ?? end } }, ...filter });
    return { lines: view.lines, begin: 0, end, whole: end, next: (after !== undefined ? view.to : view.from)[instance] ?? 0, more: after !== undefined ? after > 0 : (view.from[instance] ?? 0) > 0 };
  }

  view({ instances, place, limit = 500, ...filter }: LogViewRequest): LogView {
    const end = this.end;
    const all = (offset: number): Record<InstanceId, number> => Object.fromEntries(instances.map((each) => [each, Math.max(0, Math.min(end, Math.floor(offset / LINE_BYTES) * LINE_BYTES))]));
    const places =
      place.kind === "before" || place.kind === "after" ? { ...all(end), ...place.places }
      : place.kind === "line" ? all(place.offset)
      : place.kind === "share" ? all(end * place.share)
      : place.kind === "time" ? all((PAST_LINES + (place.at - this.began) / LINE_MS) * LINE_BYTES)
      : all(end);
    const around = place.kind === "line" || place.kind === "share" || place.kind === "time";
    const older = place.kind === "after" ? 0 : around ? Math.floor(limit / 2) : limit;
    const newer = place.kind === "after" ? limit : around ? limit - older : 0;
    const wants = this.wants(filter);
    const [from, to] = [{ ...places }, { ...places }];
    const [above, below]: [LogLine[], LogLine[]] = [[], []];
    for (let looks = 0; above.length < older && looks < LOOK; looks += 1) {
      // The log that is furthest on has the newest line.
      const instance = instances.reduce((best, each) => ((from[each] ?? 0) > (from[best] ?? 0) ? each : best), instances[0] ?? "");
      const at = (from[instance] ?? 0) - LINE_BYTES;
      if (at < 0) break;
      from[instance] = at;
      const line = this.line(instance, at);
      if (wants(line)) above.unshift(line);
    }
    for (let looks = 0; below.length < newer && looks < LOOK; looks += 1) {
      const instance = instances.reduce((best, each) => ((to[each] ?? 0) < (to[best] ?? 0) ? each : best), instances[0] ?? "");
      const at = to[instance] ?? 0;
      if (at >= end) break;
      to[instance] = at + LINE_BYTES;
      const line = this.line(instance, at);
      if (wants(line)) below.push(line);
    }
    return { lines: [...above, ...below], before: above.length, from, to, begin: all(0), end: all(end) };
  }

  runs(instance: InstanceId): LogRun[] {
    const end = this.end;
    const begin = Math.floor(PAST_LINES / 2) * LINE_BYTES;
    let error: LogLine | null = null;
    for (let offset = begin; offset < end && error === null; offset += LINE_BYTES) {
      const line = this.line(instance, offset);
      if (line.level === "error") error = line;
    }
    return [{ generation: 1, at: this.line(instance, begin).at ?? 0, begin, end, error, kept: error !== null, unseen: 0 }];
  }

  follow(request: Streams["follow_logs"]["request"], instances: () => InstanceId[], send: (lines: LogLine[]) => void): () => void {
    const wants = this.wants(request);
    const at = new Map<InstanceId, number>();
    const deliver = (): void => {
      const end = this.end;
      const lines: LogLine[] = [];
      for (const instance of instances()) {
        let offset = at.get(instance) ?? request.from?.[instance] ?? end - (request.tail ?? 100) * LINE_BYTES;
        for (; offset < end; offset += LINE_BYTES) {
          const line = this.line(instance, offset);
          if (wants(line)) lines.push(line);
        }
        at.set(instance, end);
      }
      if (lines.length > 0) send(lines.sort((a, b) => a.offset - b.offset));
    };
    queueMicrotask(deliver);
    const id = setInterval(deliver, LINE_MS);
    return () => clearInterval(id);
  }

  /** Goes through a log in a few steps, and on as it grows. */
  search(request: Streams["search_logs"]["request"], send: (told: LogSearch) => void): () => void {
    const wants = this.wants(request);
    const ways = request.instances.map((instance) => ({ instance, at: 0, count: 0 }));
    const step = (): void => {
      const end = this.end;
      const way = ways.find((each) => each.at < end);
      if (!way) return;
      const found: number[] = [];
      for (let looks = 0; way.at < end && looks < LOOK; looks += 1, way.at += LINE_BYTES) if (wants(this.line(way.instance, way.at))) found.push(way.at);
      way.count += found.length;
      send({ instance: way.instance, found, count: way.count, from: 0, at: way.at, end, done: ways.every((each) => each.at >= end) });
    };
    const id = setInterval(step, 20);
    return () => clearInterval(id);
  }

  copy(request: Streams["copy_logs"]["request"], send: (told: LogCopy) => void): () => void {
    const of = this.end * request.instances.length;
    let read = 0;
    const id = setInterval(() => {
      read = Math.min(of, read + of / 8);
      const done = read >= of;
      if (done) clearInterval(id);
      send({ path: `/home/mira/.local/state/azora/exports/${request.instances.length === 1 ? (request.instances[0] ?? "") : "merged"}.log`, read, of, lines: Math.floor(read / LINE_BYTES), done });
    }, 60);
    return () => clearInterval(id);
  }
}
