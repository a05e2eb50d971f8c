// Security, rules and what they decided.

import type { Snippet } from "svelte";
import { say } from "../say";
import { count, number } from "./count";

export const governance = {
  tabs: { security: "Security", decisions: "Decisions", approvals: "Approvals", rules: "Rules", ledger: "Ledger" },

  levels: { none: "None", low: "Low", medium: "Medium", high: "High", critical: "Critical" },
  level: (level: string) => `Threat level: ${level}`,
  found: (n: number) => (n === 0 ? "no active threats" : count(n, { one: "# active threat", other: "# active threats" })),
  looked: (when: Snippet) => say` · looked ${when}`,
  ledgerIs: (how: string) => `ledger ${how}`,
  lookNow: "Look now",
  noThreat: "Nothing was found",
  noThreatMore: "Listeners, programs, definitions, secrets, refused requests, the rules and the ledger are looked at every minute.",
  of: (cluster: string) => `of ${cluster}`,
  since: (when: Snippet) => say`found ${when}`,
  answered: (what: string, act: number | null) => (act === null ? what : `${what} (act ${number(act)})`),
  evidence: "What was seen",
  more: (n: number) => count(n, { one: "# more is not shown.", other: "# more are not shown." }),
  blind: "What could not be looked at",

  filter: "Filter decisions",
  which: "Which decisions",
  automatic: "Automatic",
  allowed: "Allowed",
  refused: "Refused",
  noRule: "no rule allows it",
  noDecision: "No decisions",
  noRefusal: "Nothing was refused",
  noDecisionMore: "Whatever anybody wants to do, a person, a program or healing, is asked of the rules first, and the answer is written down here.",
  columns: { when: "When", who: "Who", act: "Act", to: "To", decision: "Decision", why: "Why", rule: "Rule", no: "No.", entry: "Entry", ofAct: "Act", text: "As it is hashed" },

  approvalStates: { waiting: "Waiting", approved: "Approved", used: "Used", denied: "Denied", expired: "Expired" },
  noApproval: "Nothing waits for you",
  noApprovalMore: "What a rule lets in only when persons approve of it is asked for here, with exactly what would happen.",
  askedBy: (name: string, via: string) => `${name}, ${via}`,
  asked: (when: Snippet) => say`asked ${when}`,
  leftFor: (span: string) => `${span} left`,
  wouldHappen: "What would happen",
  given: (given: number, needed: number) => `${number(given)} of ${count(needed, { one: "# approval", other: "# approvals" })}`,
  yourName: "Your name",
  yourNameExample: "as this account is called",
  yourNameMore: "It tells persons apart who use one account, and is written down. This window remembers it until it is closed.",
  approve: "Approve",
  deny: "Deny",

  allows: "Allows",
  forbids: "Forbids",
  builtIn: (file: string) => `The built-in rules hold. Rules of your own would be \`${file}\`; \`azora policy show --built-in\` prints some to begin with.`,
  own: (file: string) => `The rules of \`${file}\` hold, in the place of the built-in ones.`,
  order: "What no rule allows is refused, and a rule that forbids is stronger than any that allows.",
  onlyIn: (cluster: string) => `only in ${cluster}, by its folder`,
  lifted: (n: number) => count(n, { one: "lifted by # approval", other: "lifted by # approvals" }),
  entries: (n: number) => count(n, { one: "# entry", other: "# entries" }),
  unsigned: "none is signed yet",
  allSigned: (when: Snippet) => say`all signed ${when}`,
  keptIn: (n: number, place: string, when: Snippet) => say`the checkpoint of ${number(n)} entries is kept in ${place}, ${when}`,
  keptNowhere: (place: string) => `no checkpoint was brought to ${place} yet`,
  signedTo: (n: number, when: Snippet) => say`signed up to ${number(n)}, ${when}`,
  verify: "Verify",
  sound: (entries: number, checkpoints: number) => `All ${count(entries, { one: "# entry is", other: "# entries are" })} as they were written, by ${count(checkpoints, { one: "# checkpoint", other: "# checkpoints" })}.`,
  unsound: (n: number) => count(n, { one: "# thing is not as it was signed", other: "# things are not as they were signed" }),
  cannot: "Whoever may write to this home may also sign. `azora ledger verify --checkpoint FILE` holds it against a checkpoint that was kept elsewhere.",

  set: (hash: string) => `Decisions name these rules by \`${hash}\`.`,
};
