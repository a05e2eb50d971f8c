// What the commands about agents, rules and the ledger print with `--json`; see outputs.ts.

import type { Agent, LedgerPlace, ServiceName, Timestamp } from "../src/ipc/generated";
import type { Problem } from "./clusters";

/** An agent that was added. */
export interface AgentAdded {
  agent: Agent;
  /** Its token, which is told this once; `null` when it was written into a file. */
  token: string | null;
  /** That file, as it was typed. */
  file: string | null;
}

/** An entry of the ledger. */
export interface LedgerEntry {
  /** Its number, from 1. */
  n: number;
  /** A checkpoint is of it and all before it. */
  signed: boolean;
  /** What it says, as docs/ledger.md has it; times are in milliseconds since 1970. `null` where it is none. */
  entry: Record<string, unknown> | null;
  /** Its bytes, of which the leaf's hash is made. */
  text: string;
}

/** What came of verifying. The command ends with 1 when anything was found. */
export interface LedgerVerdict {
  /** Nothing was found. */
  sound: boolean;
  /** So many entries are there. */
  entries: number;
  /** Up to here they are what was signed. */
  signed: number;
  /** So many of its own checkpoints were held against it. */
  checkpoints: number;
  /** So many that were kept elsewhere. */
  outside: number;
  /** The root of the tree of all entries, in base64. */
  root: string;
  /** What was found; 100 at most. */
  findings: LedgerFinding[];
  /** So many more findings. */
  more: number;
  /** What this cannot show, in words. */
  cannot: string[];
}

/** Something that is not as it was signed, or not as a ledger is. */
export interface LedgerFinding {
  /** What. */
  kind:
    | "unreadable"
    | "not_canonical"
    | "gap"
    | "beginning"
    | "never_admitted"
    | "twice"
    | "changed"
    | "checkpoint"
    | "key"
    | "cut"
    | "outside"
    | "place";
  /** The first entry it is about; `null` where it is about none. */
  first: number | null;
  /** The last one. */
  last: number | null;
  /** In words. */
  text: string;
}

/** That an entry is among those that were signed (RFC 6962, 2.1.1). */
export interface LedgerProof {
  /** The entry's number, from 1. As a leaf it is counted from 0. */
  n: number;
  /** Its text. */
  entry: string;
  /** The hash of its leaf, in base64. */
  leaf: string;
  /** The hashes on the way to the root, from below, in base64. */
  path: string[];
  /** How many entries were signed. */
  size: number;
  /** The signed note with the root. */
  checkpoint: string;
  /** The public key it was signed with. */
  key: string;
}

/** That the ledger of one size has grown into that of another (RFC 6962, 2.1.2). */
export interface LedgerGrown {
  /** How many entries the smaller one has. */
  smaller: number;
  /** Its root, in base64. */
  smaller_root: string;
  /** Its signed note; `null` where that size was not signed. */
  smaller_checkpoint: string | null;
  /** How many entries the larger one has. */
  larger: number;
  /** Its root, in base64. */
  larger_root: string;
  /** The hashes, in base64. */
  path: string[];
  /** The signed note of the larger one. */
  checkpoint: string;
  /** The public key it was signed with. */
  key: string;
}

/** A ledger that was written into a folder. The command ends with 1 when it is not what was signed. */
export interface LedgerExported {
  folder: string;
  /** So many entries. */
  entries: number;
  /** They are what the checkpoint beside them says. */
  sound: boolean;
}

/** The newest checkpoint. */
export interface LedgerSigned {
  /** So many entries are signed. */
  size: number;
  /** When. */
  at: Timestamp;
  /** The signed note. */
  note: string;
  /** So many entries came after that. */
  after: number;
  /** Where it was written; `null` without `--write`. */
  written: string | null;
  /** Where checkpoints are kept besides the home, as the engine that runs knows it; none while no engine runs. */
  places: LedgerPlace[];
}

/** What is wrong with rules. */
export interface RulesChecked {
  /** Nothing is; otherwise the command ends with 4. */
  ok: boolean;
  /** Those that are in order. */
  files: RulesFile[];
  /** What is wrong, as of a definition. */
  problems: Problem[];
  /** How many further problems there are. */
  unshown: number;
}

/** A file of rules that is in order. */
export interface RulesFile {
  /** Its path; `null` for the built-in rules. */
  file: string | null;
  /** Whose rules they are. */
  whose: "built-in" | "home" | "project";
  /** How many. */
  rules: number;
}

/** The rules of a home. */
export interface RulesShown {
  /** Their file; `null` for the built-in ones. */
  file: string | null;
  /** Which they are: the first half of the SHA-256 of their text. */
  set: string;
  /** Each of them. */
  rules: Rule[];
}

/** A rule. */
export interface Rule {
  /** Its name. */
  id: string;
  /** What a person is told when it decides. */
  says: string;
  /** It is a `permit`, and not a `forbid`. */
  allows: boolean;
}

/** What the rules say about an act. */
export interface RulesDecided {
  /** Who asks. */
  who: string;
  /** What is to be done. */
  verb: string;
  /** To which service; `null` for all of the cluster, or for the home. */
  service: ServiceName | null;
  /** Whether it may be done. */
  verdict: RulesVerdict;
  /** The rules that decided; none when no rule allows it. */
  rules: RuleThatDecided[];
  /** What they looked at, in words. */
  facts: string;
  /** Which rules there were. */
  set: string;
  /** All of it in words. */
  why: string;
}

/** A rule that decided. */
export interface RuleThatDecided {
  /** Its name. */
  id: string;
  /** What it says. */
  says: string;
  /** It is of the project, and not of the home. */
  project: boolean;
}

/** What rules can say. */
export type RulesVerdict = "allowed" | "refused" | "needs-approval";

/** Rules held to a table of cases. */
export interface RulesTested {
  /** All are as expected; otherwise the command ends with 1. */
  ok: boolean;
  /** Each of them, in the order of the file. */
  cases: RulesCase[];
}

/** A case. */
export interface RulesCase {
  /** Its line in the file. */
  line: number;
  /** What is asked, in words. */
  case: string;
  /** What is expected. */
  expected: RulesVerdict;
  /** What it is. */
  got: RulesVerdict;
  /** It is as expected. */
  ok: boolean;
  /** Why it is so, or is not as expected, in words. */
  why: string;
}
