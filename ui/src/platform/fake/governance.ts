// Rules, what they decided, and what the security monitor has found.

import type { Act, ActorKind, Agent, Approval, ApprovalState, Decided, DecidingRule, LedgerEntries, LedgerVerdict, LedgerView, NewAgent, RulesView, SecurityView, Threat } from "../../ipc/generated";
import { CallError } from "../types";
import type { World } from "./world";

const SET = "9f1c47be20d35a8e6b0f44c1d7a92e53";
const SAYS: Record<string, string> = {
  "people-decide": "a person at this machine may do everything",
  "healing-heals": "healing may restart, take back, scale and quarantine what fails",
  "programs-register": "a program may register itself, take itself out again and keep keys in the registry",
  "two-for-data": "what keeps data is stopped only when two persons approve of it",
  "protected-is-for-people": "only a person may stop, take down or scale what is protected",
};

function rule(id: string): DecidingRule {
  return { id, says: SAYS[id] ?? "" };
}

export function rules(world: World): RulesView {
  const row = (id: string, allows: boolean, approvals: number | null = null): RulesView["rules"][number] => ({ id, says: SAYS[id] ?? "", allows, approvals, cluster: null });
  const cluster = [...world.clusters.keys()][0] ?? null;
  return {
    rules: [
      row("people-decide", true), row("healing-heals", true), row("programs-register", true),
      { id: "approval-first", says: "what an agent stops, scales or takes back needs a person's approval first", allows: false, approvals: 1, cluster: null },
      row("protected-is-for-people", false),
      ...(cluster === null ? [] : [{ id: "no-scaling-here", says: "nobody but a person scales anything of this project", allows: false, approvals: null, cluster }]),
    ],
    file: "/home/mira/.local/state/azora/constitution.cedar", built_in: false, set: SET, wrong: [],
  };
}

/** What an act of somebody was decided by. */
export function decidedBy(kind: ActorKind): Decided {
  const by: Partial<Record<ActorKind, string>> = { healer: "healing-heals", client: "programs-register" };
  return { rules: [rule(by[kind] ?? "people-decide")], set: SET };
}

/** One that was refused, behind all others. */
export function withRefused(acts: readonly Act[], now: number): Act[] {
  const refused: Act = {
    id: 0, at: now - 5_400_000, actor: { kind: "healer", via: "healing" }, verb: "scale", target: { cluster: null, services: ["payments-db"], instance: null },
    reason: "three instances would carry the load", outcome: { kind: "refused", detail: SAYS["protected-is-for-people"] ?? "" },
    decision: { facts: "service payments-db of azora-os, category data, protected", rules: [rule("protected-is-for-people")], set: SET },
  };
  return [...acts, refused];
}

export function security(world: World, trouble: boolean): SecurityView {
  const [cluster] = [...world.clusters.values()];
  const at = Math.floor(world.began / 60_000) * 60_000;
  const threats: Threat[] = [];
  const service = cluster?.services[0]?.name;
  if (trouble && cluster !== undefined && service !== undefined) {
    const where = { cluster: cluster.id, service, instance: `${service}.0` };
    threats.push(
      { id: "exposed", kind: "exposed", level: "high", ...where, what: `${service} answers other machines on port 9229, which its definition does not give it`, evidence: ["0.0.0.0:9229, pid 48120: node --inspect=0.0.0.0 server.js"], todo: "let it listen on 127.0.0.1, or give it the port in `azora.toml`", since: at - 480_000 },
      { id: "log", kind: "secret_in_log", level: "medium", ...where, what: `${service} writes a secret to its log`, evidence: ["line 1204: an access key of a cloud, 20 characters"], todo: "take it out of what is logged, and give the service a new one", since: at - 120_000 },
    );
  }
  return { level: threats[0]?.level ?? "none", threats, more: 0, ledger: "whole", ledger_said: "whole", last_audit: at - 12_000, cost_ms: 4.2, blind: [] };
}

const NAME = "azora/3f9a0c11d7e24b58";

/** What the acts of the simulated home are in its ledger, oldest first. */
function lines(world: World): string[] {
  const begun = JSON.stringify({ acts: 0, at: world.began - 9_000_000, entry: "begun" });
  const acts = [...world.acts].reverse().map(({ id, at, actor, verb, target, reason, decision }) =>
    JSON.stringify({ actor, at, decision, entry: "admitted", id, reason, target, verb }));
  return [begun, ...acts];
}

export function ledger(world: World): LedgerView {
  const all = lines(world).length;
  const key = `${NAME}+8d2f60b1+AQ==`;
  return { entries: all, signed: all, checkpoint: { size: all, at: world.began - 42_000, note: `${NAME}\n${all}\n` }, key, keys: [key], doubt: null, trouble: null, places: [] };
}

export function entries(world: World, after: number, limit: number): LedgerEntries {
  const some = lines(world).slice(after, after + limit);
  return { first: some.length === 0 ? 0 : after + 1, last: some.length === 0 ? 0 : after + some.length, count: some.length, text: some.map((line) => `${line}\n`).join("") };
}

export function verdict(world: World): LedgerVerdict {
  const all = lines(world).length;
  return { sound: true, entries: all, signed: all, checkpoints: 12, root: "3q2+7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", findings: [], more: 0 };
}

/** Programs that act for a person. */
export class Agents {
  readonly all: Agent[] = [];

  constructor(world: World, some: boolean) {
    if (!some) return;
    this.all.push(
      { name: "claude", since: world.began - 5 * 86_400_000, last_used: world.began - 180_000, expires: world.began + 25 * 86_400_000 },
      { name: "night-shift", since: world.began - 40 * 86_400_000, last_used: null, expires: null },
    );
  }

  add(name: string, span?: number): NewAgent {
    if (this.all.some((each) => each.name === name)) throw new CallError("conflict", `there is an agent ${name} already; \`azora agents remove ${name}\` removes it, with its token`);
    const since = Date.now();
    const agent: Agent = { name, since, last_used: null, expires: span === undefined ? null : since + span };
    this.all.push(agent);
    this.all.sort((one, other) => one.name.localeCompare(other.name));
    return { agent, token: `azora-agent-${"0".repeat(64)}` };
  }

  remove(name: string): void {
    const place = this.all.findIndex((each) => each.name === name);
    if (place < 0) throw new CallError("not_found", `there is no agent ${name}; \`azora agents\` lists those there are`);
    this.all.splice(place, 1);
  }
}

/** What waits for persons. */
export class Approvals {
  readonly all: Approval[] = [];

  constructor(world: World, waits: boolean) {
    const [cluster] = [...world.clusters.values()];
    const service = cluster?.services.at(-1)?.name;
    if (!waits || cluster === undefined || service === undefined) return;
    const one = (id: number, verb: Approval["verb"], state: ApprovalState, ago: number): Approval => ({
      id, at: world.began - ago, until: world.began - ago + 900_000, actor: { kind: "person", via: "cli" }, name: "mira", verb,
      target: { cluster: cluster.id, services: [service], instance: null }, details: "", reason: "the old index is in the way",
      consequences: [`${service} of ${cluster.name} is stopped`, "nothing needs it"], rules: [rule("two-for-data")], set: SET,
      needed: 2, given: state === "waiting" ? [{ name: "ada", via: "window", at: world.began - ago + 60_000 }] : [], state,
    });
    this.all.push(one(2, "stop", "waiting", 240_000), one(1, "restart", "denied", 5_000_000));
  }

  answer(id: number, state: ApprovalState, name = "mira"): Approval {
    const found = this.all.find((each) => each.id === id);
    if (found === undefined) throw new CallError("not_found", `there is no approval ${id}; \`azora approvals\` lists them`);
    if (state === "approved") {
      if (name === found.name) throw new CallError("refused", `${name} asked for it, and who asks does not count; somebody else approves`);
      found.given.push({ name, via: "window", at: Date.now() });
      if (found.given.length < found.needed) return found;
    }
    found.state = state;
    return found;
  }
}
