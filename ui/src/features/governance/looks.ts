// How threat levels, decisions and rules look and read.

import type { Act, Approval, ApprovalState, ClusterView, RuleView, ThreatLevel } from "../../ipc/generated";
import type { Look } from "../health/states";
import { APPROVALS, whom } from "../activity/describe";
import { words } from "../../words";

const w = words.governance;

export const LEVELS: Record<ThreatLevel, Look> = {
  none: { word: w.levels.none, shape: "check", tone: "good" },
  low: { word: w.levels.low, shape: "ring", tone: "calm" },
  medium: { word: w.levels.medium, shape: "triangle", tone: "warn" },
  high: { word: w.levels.high, shape: "cross", tone: "bad" },
  critical: { word: w.levels.critical, shape: "diamond", tone: "bad" },
};

export const ALLOWED: Look = { word: w.allowed, shape: "check", tone: "good" };
export const REFUSED: Look = { word: w.refused, shape: "barred", tone: "held" };

/** What the rules said of an act. Whether it then came to a good end is another matter. */
export function decision(act: Act): Look {
  return act.outcome.kind === "refused" ? REFUSED : ALLOWED;
}

/** Why, in sentences: of the rules that decided, or that none allows it. */
export function why(act: Act): string {
  if (act.decision === undefined) return "";
  if (act.decision.rules.length === 0) return act.outcome.kind === "refused" ? act.outcome.detail : w.noRule;
  return act.decision.rules.map((rule) => (rule.says === undefined || rule.says === "" ? rule.id : rule.says)).join("; ");
}

export const WHICH = ["all", "refused", "automatic"] as const;
export type Which = (typeof WHICH)[number];

export function whichOf(asked: string | null): Which {
  return WHICH.find((each) => each === asked) ?? "all";
}

/** The acts about which rules decided, that fit. */
export function decided(acts: readonly Act[], which: Which, text: string, told: (act: Act) => string): Act[] {
  const wanted = text.toLowerCase();
  return acts.filter((act) => {
    if (act.decision === undefined) return false;
    if (which === "refused" && act.outcome.kind !== "refused") return false;
    if (which === "automatic" && act.actor.kind !== "healer" && act.actor.kind !== "watch" && act.actor.kind !== "monitor") return false;
    const rules = act.decision.rules.map((rule) => rule.id).join(" ");
    return wanted === "" || `${told(act)} ${rules} ${why(act)}`.toLowerCase().includes(wanted);
  });
}

export function ruleLook(rule: RuleView): Look {
  return rule.allows ? { ...ALLOWED, word: w.allows } : { ...REFUSED, word: w.forbids };
}

export function approval(state: ApprovalState): Look {
  return { word: w.approvalStates[state], ...APPROVALS[state] };
}

/** "stop db, with its volumes". */
export function what(one: Approval, clusters: readonly ClusterView[]): string {
  const act = `${one.verb} ${whom(one, clusters)}`;
  return one.details === "" ? act : `${act}, ${one.details}`;
}
