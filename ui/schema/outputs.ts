// What the commands of `azora` print with `--json`. From this, and from the types of the engine, `make.mjs`
// makes docs/outputs.schema.json, against which the tests hold everything that they have a command print.

import type {
  Act,
  Agent,
  Approval,
  ClusterId,
  ClusterLine,
  Declared,
  EngineView,
  EnvView,
  Event,
  FindingKind,
  GatewayRequest,
  GatewayView,
  Generation,
  GraphNode,
  Healed,
  Hold,
  Incident,
  IncidentStory,
  InstanceId,
  InstanceWindows,
  LedgerPlace,
  LimitView,
  LogLine,
  LogRun,
  Marks,
  NotificationsView,
  Origin,
  Overall,
  PortTaken,
  PortView,
  RegistryView,
  RehearsalReport,
  RolledBack,
  Scaled,
  Scheduled,
  SecurityStatus,
  SecurityView,
  ServiceName,
  State,
  Timestamp,
  Usage,
  WebhookTested,
  WebhookView,
  Window,
} from "../src/ipc/generated";

/** A bundle that was written. */
export interface SupportBundle {
  /** Where it is. */
  path: string;
  /** What is in it. */
  files: string[];
}

/** What each command prints with `--json`, by the words that name it. Times are RFC 3339, in UTC. */
export interface Outputs {
  /** The oldest first. */
  acts: Act[];
  /** By name. */
  agents: Agent[];
  "agents add": AgentAdded;
  /** The newest first. */
  approvals: Approval[];
  approve: Approval;
  check: Check;
  deny: Approval;
  down: Order;
  "emergency-stop": EmergencyStop;
  env: EnvView;
  events: Event[];
  /** One such object a line. */
  "events --follow": Event;
  gateway: GatewayView;
  /** The oldest first. */
  "gateway log": GatewayRequest[];
  /** One such object a line. */
  "gateway log --follow": GatewayRequest;
  graph: Graph;
  healed: Healed;
  incident: IncidentStory;
  incidents: Incident[];
  import: Written;
  init: Written;
  "ledger checkpoint": LedgerSigned;
  "ledger export": LedgerExported;
  "ledger prove": LedgerProof;
  /** That one size has grown into another. */
  "ledger prove --consistency": LedgerGrown;
  /** The newest last. */
  "ledger show": LedgerEntry[];
  "ledger verify": LedgerVerdict;
  logs: LogLine[];
  "logs --count": LogCounts;
  "logs --first-error": Run[];
  /** One such object a line. */
  "logs --follow": LogLine;
  "mute --list": NotificationsView;
  "policy check": RulesChecked;
  "policy explain": RulesDecided;
  "policy show": RulesShown;
  "policy test": RulesTested;
  ps: Ps;
  "ps --all": Stacks;
  registry: Registered;
  rehearse: RehearsalReport;
  release: Order;
  restart: Order;
  resume: Order;
  scale: Order;
  security: SecurityView;
  start: Order;
  status: Status;
  stop: Order;
  /** With `--detach`. */
  up: Order;
  wait: Waited;
  support: SupportBundle;
  webhooks: WebhookView[];
  "webhooks test": WebhookTested[];
  who: PortView;
}

/** An agent that was added. */
export interface AgentAdded {
  agent: Agent;
  /** Its token, which is told this once; `null` when it was written into a file. */
  token: string | null;
  /** That file, as it was typed. */
  file: string | null;
}

/** What is registered. */
export interface Registered {
  /** How many entries the registry has. */
  total: number;
  /** How many of them fit what was asked for. With a name that nothing has it is 0, and the command ends with 3. */
  found: number;
  /** Those, by name and id; 2,000 at most. */
  entries: RegistryView[];
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

/** The instances of one cluster. */
export interface Ps {
  /** Its id. */
  cluster: ClusterId;
  /** Its name. */
  name: string;
  /** Its folder. */
  folder: string;
  /** The home that it is kept in. */
  home: string;
  /** All of it in one word. */
  overall: Overall;
  /** Every instance. */
  instances: Instance[];
  /** Limits of services that have any. */
  limits: Record<ServiceName, LimitView[]>;
  /** What a person should know about this machine for it. */
  advice: string[];
  /** Where services are reached through the gateway, by their names. */
  urls: Record<ServiceName, string>;
}

/** One instance. */
export interface Instance {
  /** `api`. */
  service: ServiceName;
  /** `api.0`. */
  instance: InstanceId;
  /** The definition's category; "services" when it names none. */
  category: string;
  /** Where it is in its life. */
  state: State;
  /** Why, and what next, in words. */
  reason: string;
  /** The service's own process; `null` while nothing runs. */
  pid: number | null;
  /** Ports it was given, preferred first. */
  ports: number[];
  /** How often it was started. */
  generation: Generation;
  /** How often healing started it again since a person last did. */
  restarts: number;
  /** When it entered this state. */
  since: Timestamp;
  /** Marks on the state. */
  marks: Marks;
  /** Who wanted it to run; `null` while nobody did. */
  origin: Origin | null;
  /** The port it would rather have, while somebody else has it. */
  port_taken: PortTaken | null;
  /** What goes wrong slowly. */
  findings: OpenFinding[];
  /** Where its schedule stands; `null` of one that has none. */
  schedule: Scheduled | null;
}

/** Something that goes wrong slowly. */
export interface OpenFinding {
  /** Of which instance; `null` where it is of all of the service. */
  instance: InstanceId | null;
  /** What sort of thing. */
  kind: FindingKind;
  /** In words. */
  text: string;
  /** Since when. */
  opened: Timestamp;
  /** When it was last seen. */
  updated: Timestamp;
}

/** The clusters of all homes of this user. */
export interface Stacks {
  stacks: Stack[];
}

/** One cluster of one home. */
export interface Stack {
  /** The home. */
  home: string;
  /** The process of the engine that runs it; `null` where none does, or where it did not answer. */
  engine: number | null;
  /** Why its engine did not answer. */
  error: string | null;
  /** The cluster's id. */
  cluster: ClusterId;
  /** Its name. */
  name: string;
  /** Its folder. */
  folder: string;
  /** All of it in one word; "unknown" where no engine says. */
  overall: Overall | "unknown";
  /** Processes of it that run on without an engine; `null` where that cannot be known. */
  processes?: number | null;
  /** Every instance; none where no engine says. */
  instances: Instance[];
}

/** A home. */
export interface Status {
  /** Its engine; `null` where none runs. */
  engine: EngineView | null;
  /** All of it in one word; "unknown" where no engine runs and processes do. */
  overall: Overall | "unknown";
  /** When that was so. */
  at?: Timestamp | null;
  /** Its clusters. */
  clusters: StatusCluster[];
  /** What is known of this machine's protection. */
  security?: SecurityStatus | null;
}

/** One cluster of a home. */
export interface StatusCluster {
  id: ClusterLine["id"];
  name: ClusterLine["name"];
  folder: ClusterLine["folder"];
  overall: ClusterLine["overall"];
  reason: ClusterLine["reason"];
  /** Its services; `null` where an older engine does not say. */
  services: StatusService[] | null;
}

/** One service of a cluster. */
export interface StatusService {
  /** Its name. */
  service: ServiceName;
  /** Its category. */
  category: string;
  /** The state of the instance that is worst off. */
  state: State;
  /** Why, and what next, in words. */
  reason: string;
  /** Instances it should have. */
  wanted: number;
  /** Those that serve, or have completed. */
  serving: number;
  /** How often healing started one of them again since a person last did. */
  restarts: number;
  /** The newest answer to its health probe. */
  last_check: ProbeAnswer | null;
  /** What all of it uses. */
  usage: Usage;
  /** Why healing keeps its hands off, and until when. */
  hold: Hold | null;
  /** It was taken back to an older definition. */
  rolled_back: RolledBack | null;
  /** Healing has added instances to it. */
  scaled: Scaled | null;
  /** What goes wrong slowly. */
  findings: OpenFinding[];
  /** How it has been over the last five minutes, hour, day and week. */
  windows: Window[];
  /** The same of each instance. */
  instances: InstanceWindows[];
}

/** An answer to a health probe. */
export interface ProbeAnswer {
  /** Of which instance. */
  instance: InstanceId;
  /** When. */
  at: Timestamp;
  /** What was found. */
  verdict: string;
  /** In words. */
  detail: string;
  /** Microseconds it took; `null` where nobody was asked. */
  latency_us: number | null;
}

/** What needs what, and who was seen to talk to whom. */
export interface Graph {
  /** The cluster's id. */
  cluster: ClusterId;
  /** Its services. */
  services: GraphNode[];
  /** Connections that were seen. */
  connections: Connection[];
  /** What a person should know. */
  advice: string[];
}

/** Connections of one service to another. */
export interface Connection {
  /** Who connected. */
  from: ServiceName;
  /** To whom. */
  to: ServiceName;
  /** Ports they were to. */
  at: number[];
  /** How often they were seen. */
  seen: number;
  /** When first. */
  first: Timestamp;
  /** When last. */
  last: Timestamp;
  /** Whether the definition says so. */
  declared: Declared;
}

/** A start of an instance, as its log tells of it. */
export interface Run extends LogRun {
  /** Of which instance. */
  instance: InstanceId;
}

/** How many lines match, by instance. */
export type LogCounts = Record<InstanceId, number>;

/** What is wrong with a definition. The command ends with 4 when anything is. */
export type Check = GoodDefinition | BadDefinition;

/** Nothing is wrong with it. */
export interface GoodDefinition {
  ok: true;
  /** The file that was read. */
  file: string;
  /** The cluster's name. */
  name: string;
  /** How many services it has. */
  services: number;
  problems: [];
  /** What is no mistake, and its owner should know. */
  notes: string[];
}

/** Something is. */
export interface BadDefinition {
  ok: false;
  /** What, in the order of the file. */
  problems: Problem[];
  /** How many there are besides. */
  unshown: number;
}

/** A mistake in a file. */
export interface Problem {
  /** The file. */
  file: string;
  /** The line, from 1. */
  line: number;
  /** The column, from 1. */
  column: number;
  /** What is wrong. */
  message: string;
  /** What would be right. */
  remedy: string | null;
}

/** A definition that was made from something else. */
export interface Written {
  /** The text of the azora.toml. */
  definition: string;
  /** What has no equivalent, and what was decided. */
  notes: Note[];
  /** Where it was written; `null` without `--write`. */
  written: string | null;
}

/** Something about a file that its owner should know. */
export interface Note {
  /** The file. */
  file: string;
  /** Its line, from 1. */
  line: number;
  /** What there is to know. */
  says: string;
}

/** An order that has come to rest. The command ends with 1 when it failed. */
export interface Order {
  /** Which. */
  order: string;
  /** In which cluster; `null` for all of the home. */
  cluster: ClusterId | null;
  /** Everything came to where it was to. */
  ok: boolean;
  /** How long it took. */
  seconds: number;
  /** What did not. */
  failed: Failed[];
  /** The instances it was about, as they are now. */
  instances: Instance[];
  /** Of `up`: where services are reached through the gateway, by their names. */
  urls: Record<ServiceName, string>;
}

/** An instance that did not come to where it was to. */
export interface Failed {
  instance: InstanceId;
  /** Why, in words. */
  reason: string;
}

/** What was waited for is there. */
export interface Waited {
  /** In which cluster. */
  cluster: ClusterId;
  /** How long it took. */
  seconds: number;
  /** The instances that were waited for. */
  instances: Instance[];
}

/** What came of an emergency stop. The command ends with 1 when anything is left. */
export interface EmergencyStop {
  /** Processes that were ended. */
  ended: number;
  /** Those that are left. */
  left: Survivor[];
  /** What is left in container daemons, or may be, in words. */
  containers_left: string[];
  /** Why nobody could look for who is left. */
  unseen: string | null;
  /** Milliseconds it took. */
  took_ms: number;
  /** The ways in which processes were looked for. */
  looked_by: string[];
  /** Who ended them: the engine, or the command itself. */
  by: "engine" | "direct";
  /** A file that tells of it. */
  report: string | null;
}

/** A process that an emergency stop left. */
export interface Survivor {
  pid: number;
  /** Its command line. */
  command: string;
  /** How it was found. */
  found_by: string;
  /** Why it is left. */
  why: string | null;
}

