// What events and acts say, as sentences.

import type { Act, Endpoint, Event, EventKind, ExitStatus, Outcome } from "../../ipc/generated";
import { count, span } from "../../shared/format";
import type { Shape, Tone } from "../../shared/marks";
import { INCIDENTS, STATES } from "../health/states";

export interface Line {
  shape: Shape;
  tone: Tone;
  /** Whom it is about; empty for the home. */
  who: string;
  text: string;
}

export const OUTCOMES: Record<Outcome["kind"], { word: string; shape: Shape; tone: Tone }> = {
  pending: { word: "Running", shape: "half", tone: "busy" },
  done: { word: "Done", shape: "check", tone: "good" },
  failed: { word: "Failed", shape: "cross", tone: "bad" },
  refused: { word: "Refused", shape: "barred", tone: "held" },
  overtaken: { word: "Overtaken", shape: "square", tone: "calm" },
};

export function describe(event: Event): Line {
  return line(event.what);
}

function line(what: EventKind): Line {
  switch (what.kind) {
    case "engine_started":
      return { shape: "half", tone: "calm", who: "engine", text: `took the home as process ${what.pid}, adopted ${what.adopted} running` };
    case "engine_stopped":
      return { shape: "square", tone: "calm", who: "engine", text: what.left_running ? "let go of the home, services run on" : "let go of the home, nothing runs" };
    case "state_changed":
      return { ...pick(STATES[what.to]), who: what.instance, text: `${STATES[what.from].word.toLowerCase()} → ${STATES[what.to].word.toLowerCase()}: ${what.reason.text}` };
    case "started":
      return { shape: "target", tone: "busy", who: what.instance, text: `started as process ${what.pid}, generation ${what.generation}` };
    case "exited":
      return { shape: "diamond", tone: success(what.status) ? "calm" : "bad", who: what.instance, text: ended(what.status) };
    case "adopted":
      return { shape: "target", tone: "good", who: what.instance, text: `found running as process ${what.pid} and adopted` };
    case "port_moved":
      return { shape: "triangle", tone: "warn", who: what.instance, text: `got port ${what.got}; ${what.wanted} is held by ${what.holder}` };
    case "undeclared":
      return { shape: "triangle", tone: "warn", who: what.service, text: `talks to ${what.need} (${place(what.at)}) and does not declare it: add "${what.need}" to its needs` };
    case "scaled":
      return { shape: "target", tone: what.replicas > what.before ? "warn" : "good", who: what.service, text: `healing scaled it ${what.replicas > what.before ? "up" : "down"} from ${what.before} to ${what.replicas}: ${what.why}` };
    case "system_ready":
      return { shape: "check", tone: "good", who: "", text: `all ${count(what.services, "service")} ready after ${span(what.took_ms)}` };
    case "service_healed":
      return { shape: "check", tone: "good", who: what.instance, text: `healed in ${span(what.took_ms)}: ${what.cause}` };
    case "emergency_shutdown":
      return { shape: "square", tone: "bad", who: "", text: `emergency stop: ${what.reason}${what.ended === null ? "" : ` (${count(what.ended, "process", "processes")} ended, ${what.left ?? 0} left)`}` };
    case "incident":
      return { ...pick(INCIDENTS[what.incident.state]), who: what.incident.instance, text: `incident ${what.incident.id} ${INCIDENTS[what.incident.state].word.toLowerCase()}: ${what.incident.cause}` };
    case "act":
      return { ...pick(OUTCOMES[what.act.outcome.kind]), who: whom(what.act), text: `${actor(what.act)}: ${what.act.verb} ${OUTCOMES[what.act.outcome.kind].word.toLowerCase()}` };
    case "finding":
      return what.finding.closed === null
        ? { shape: "triangle", tone: "warn", who: what.finding.instance, text: what.finding.text }
        : { shape: "check", tone: "good", who: what.finding.instance, text: `over: ${what.finding.text}` };
    case "notice":
      return { shape: "triangle", tone: "warn", who: "", text: what.text };
  }
}

/** "port 6379", or a path. */
export function place(at: Endpoint): string {
  return at.kind === "tcp" ? `port ${at.port}` : at.path;
}

function pick({ shape, tone }: { shape: Shape; tone: Tone }): { shape: Shape; tone: Tone } {
  return { shape, tone };
}

/** The names that a person may know better than the numbers. */
const SIGNALS: Record<number, string> = {
  1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
};

function success(status: ExitStatus): boolean {
  return status.kind === "code" && status.value === 0;
}

/** A limit as it was written: the largest unit that is exact. */
function amount(bytes: number): string {
  const units: [string, number][] = [["TiB", 2 ** 40], ["TB", 1e12], ["GiB", 2 ** 30], ["GB", 1e9], ["MiB", 2 ** 20], ["MB", 1e6], ["KiB", 2 ** 10], ["kB", 1e3]];
  const exact = units.filter(([, unit]) => bytes >= unit && bytes % unit === 0).sort((one, other) => other[1] - one[1])[0];
  return exact === undefined ? `${bytes} bytes` : `${bytes / exact[1]} ${exact[0]}`;
}

function ended(status: ExitStatus): string {
  if (status.kind === "code") return `exited with code ${status.value}`;
  if (status.kind === "signal") return `was ended by ${SIGNALS[status.value] ?? `signal ${status.value}`}`;
  if (status.kind === "out_of_memory") {
    const { limit, code } = status.value;
    const whose = limit === null ? "the machine's, not its own limit" : `limit ${amount(limit)}`;
    const end = code === null ? "was killed by the kernel" : `exited with code ${code} after the kernel killed a process of it`;
    return `${end}: out of memory (${whose})`;
  }
  return "ended with unknown status";
}

/** "You through the window", "healing", "a client of the registry". */
export function actor(act: Act): string {
  if (act.actor.kind === "healer") return "healing";
  if (act.actor.kind === "watch") return "file watch";
  if (act.actor.kind === "client") return `client ${act.actor.via}`;
  return `person, ${act.actor.via}`;
}

/** What an act is done to. */
export function whom(act: Act): string {
  if (act.target.instance !== null) return act.target.instance;
  if (act.target.services.length > 3) return `${act.target.services.length} services`;
  if (act.target.services.length > 0) return act.target.services.join(", ");
  return act.target.cluster ?? "everything";
}
