// What the commands about clusters, their services and definitions print with `--json`; see outputs.ts.

import type {
  ClusterId,
  ClusterLine,
  Declared,
  EngineView,
  FindingKind,
  Generation,
  GraphNode,
  Hold,
  InstanceId,
  InstanceWindows,
  LimitView,
  LogRun,
  Marks,
  Origin,
  Overall,
  PortTaken,
  RegistryView,
  RolledBack,
  Scaled,
  Scheduled,
  SecurityStatus,
  ServiceName,
  State,
  Timestamp,
  Usage,
  Window,
} from "../src/ipc/generated";

/** A bundle that was written. */
export interface SupportBundle {
  /** Where it is. */
  path: string;
  /** What is in it. */
  files: string[];
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
