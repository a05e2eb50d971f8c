// What events and acts say, as sentences.

import type { Act, ApprovalState, ClusterId, ClusterView, Endpoint, Event, EventKind, ExitStatus, Outcome, ThreatLevel } from "../../ipc/generated";
import { span } from "../../shared/format";
import type { Shape, Tone } from "../../shared/marks";
import { INCIDENTS, STATES } from "../health/states";
import { words } from "../../words";

const w = words.activity;

export interface Line {
  shape: Shape;
  tone: Tone;
  /** Whom it is about; empty for the home. */
  who: string;
  text: string;
}

export const OUTCOMES: Record<Outcome["kind"], { word: string; shape: Shape; tone: Tone }> = {
  pending: { word: w.outcomes.pending, shape: "half", tone: "busy" },
  done: { word: w.outcomes.done, shape: "check", tone: "good" },
  failed: { word: w.outcomes.failed, shape: "cross", tone: "bad" },
  refused: { word: w.outcomes.refused, shape: "barred", tone: "held" },
  overtaken: { word: w.outcomes.overtaken, shape: "square", tone: "calm" },
};

/** Threats of these levels want somebody to act. */
const GRAVE: ReadonlySet<ThreatLevel> = new Set<ThreatLevel>(["high", "critical"]);

export const APPROVALS: Record<ApprovalState, { shape: Shape; tone: Tone }> = {
  waiting: { shape: "half", tone: "warn" },
  approved: { shape: "check", tone: "good" },
  used: { shape: "check", tone: "calm" },
  denied: { shape: "barred", tone: "held" },
  expired: { shape: "square", tone: "calm" },
  withdrawn: { shape: "square", tone: "calm" },
};

/** `clusters` are known by their names; one that is gone, by its id. */
export function describe(event: Event, clusters: readonly ClusterView[]): Line {
  return line(event.what, event.cluster === null ? "" : named(event.cluster, clusters), clusters);
}

function named(id: ClusterId, clusters: readonly ClusterView[]): string {
  return clusters.find((each) => each.id === id)?.name ?? id;
}

function line(what: EventKind, cluster: string, clusters: readonly ClusterView[]): Line {
  switch (what.kind) {
    case "engine_started":
      return { shape: "half", tone: "calm", who: w.engine, text: w.engineStarted(what.pid, what.adopted) };
    case "engine_stopped":
      return { shape: "square", tone: "calm", who: w.engine, text: what.left_running ? w.engineStoppedLeaving : w.engineStopped };
    case "state_changed":
      return { ...pick(STATES[what.to]), who: what.instance, text: w.changed(STATES[what.from].word.toLowerCase(), STATES[what.to].word.toLowerCase(), what.reason.text) };
    case "started":
      return { shape: "target", tone: "busy", who: what.instance, text: w.started(what.pid, what.generation) };
    case "exited":
      return { shape: "diamond", tone: success(what.status) ? "calm" : "bad", who: what.instance, text: ended(what.status) };
    case "adopted":
      return { shape: "target", tone: "good", who: what.instance, text: w.adopted(what.pid) };
    case "port_moved":
      return { shape: "triangle", tone: "warn", who: what.instance, text: w.portMoved(what.got, what.wanted, what.holder) };
    case "undeclared":
      return { shape: "triangle", tone: "warn", who: what.service, text: w.undeclared(what.need, place(what.at)) };
    case "scaled":
      return { shape: "target", tone: what.replicas > what.before ? "warn" : "good", who: what.service, text: (what.replicas > what.before ? w.scaledUp : w.scaledDown)(what.before, what.replicas, what.why) };
    case "system_ready":
      return { shape: "check", tone: "good", who: cluster, text: w.allReady(what.services, span(what.took_ms)) };
    case "service_healed":
      return { shape: "check", tone: "good", who: what.instance, text: w.healed(span(what.took_ms), what.cause) };
    case "emergency_shutdown":
      return { shape: "square", tone: "bad", who: "", text: what.ended === null ? w.emergencyStop(what.reason) : w.emergencyStopDone(what.reason, what.ended, what.left ?? 0) };
    case "incident":
      return { ...pick(INCIDENTS[what.incident.state]), who: what.incident.instance, text: w.incident(what.incident.id, INCIDENTS[what.incident.state].word.toLowerCase(), what.incident.cause) };
    case "act":
      return { ...pick(OUTCOMES[what.act.outcome.kind]), who: whom(what.act, clusters), text: w.act(actor(what.act), what.act.verb, OUTCOMES[what.act.outcome.kind].word.toLowerCase()) };
    case "finding":
      return what.finding.closed === null
        ? { shape: "triangle", tone: "warn", who: what.finding.instance, text: what.finding.text }
        : { shape: "check", tone: "good", who: what.finding.instance, text: w.over(what.finding.text) };
    case "approval":
      return { ...pick(APPROVALS[what.approval.state]), who: whom(what.approval, clusters), text: w.approval(what.approval.id, what.approval.name, what.approval.verb, w.approvals[what.approval.state], what.approval.given.length, what.approval.needed) };
    case "rules_alarm":
      return { shape: "triangle", tone: "bad", who: cluster, text: what.text };
    case "threat":
      return what.over
        ? { shape: "check", tone: "good", who: what.threat.instance ?? cluster, text: w.threatOver(what.threat.what) }
        : { shape: "triangle", tone: GRAVE.has(what.threat.level) ? "bad" : "warn", who: what.threat.instance ?? cluster, text: w.threat(what.threat.what) };
    case "notice":
      return { shape: "triangle", tone: "warn", who: cluster, text: what.text };
  }
}

/** Which rules let it in or refused it, a line each; nothing of acts from before rules were asked. */
export function decided(act: Act): string | undefined {
  return act.decision?.rules.map((rule) => w.decided(rule.id, rule.says ?? "")).join("\n");
}

/** "port 6379", or a path. */
export function place(at: Endpoint): string {
  return at.kind === "tcp" ? w.port(at.port) : at.path;
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
  return exact === undefined ? w.bytes(bytes) : `${bytes / exact[1]} ${exact[0]}`;
}

export function ended(status: ExitStatus): string {
  if (status.kind === "code") return w.exited(status.value);
  if (status.kind === "signal") return w.endedBy(SIGNALS[status.value] ?? w.signal(status.value));
  if (status.kind === "out_of_memory") {
    const { limit, code } = status.value;
    const whose = limit === null ? w.machinesMemory : w.ownLimit(amount(limit));
    const end = code === null ? w.killed : w.exitedAfterKill(code);
    return w.outOfMemory(end, whose);
  }
  return w.endedUnknown;
}

/** Who asked: "person, window", "healing", "client registry", "agent claude". */
export function actor(act: Act): string {
  if (act.actor.kind === "healer") return w.healing;
  if (act.actor.kind === "watch") return w.fileWatch;
  if (act.actor.kind === "monitor") return w.securityMonitor;
  if (act.actor.kind === "client") return w.client(act.actor.via);
  if (act.actor.kind === "agent") return w.agent(act.actor.via);
  return w.person(act.actor.via);
}

/** What an act is done to. */
export function whom(act: Pick<Act, "target">, clusters: readonly ClusterView[]): string {
  if (act.target.instance !== null) return act.target.instance;
  if (act.target.services.length > 3) return words.shared.services(act.target.services.length);
  if (act.target.services.length > 0) return act.target.services.join(", ");
  return act.target.cluster === null ? w.everything : named(act.target.cluster, clusters);
}
