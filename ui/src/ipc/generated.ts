// Generated from the Rust types by `AZORA_BLESS=1 cargo test -p api`. Never edited by hand.
// Numbers are plain: none of them passes 2^53 in a lifetime. Times are milliseconds since 1970.

/** One entry of the book of acts. */
export type Act = {
  /** Its number in this home. */
  id: ActId,
  /** When it was asked. */
  at: Timestamp,
  /** Who. */
  actor: Actor,
  /** What. */
  verb: Verb,
  /** To what. */
  target: Target,
  /** Why, as the actor said. */
  reason: string,
  /** How it ended. */
  outcome: Outcome,
  /** Why the door let it in, or did not; nothing of acts from before it asked rules. */
  decision?: Decided };

/** Counts the acts of one home, from 1. */
export type ActId = number;

/** Who acts. */
export type Actor = {
  /** What kind of party. */
  kind: ActorKind,
  /** Through what: "cli", "window", "browser", "healing", "security"; of an agent, its name. */
  via: string };

/** What kind of party acts. */
export type ActorKind = "person" | "healer" | "client" | "watch" | "monitor" | "agent";

/** A new agent. */
export type AddAgentRequest = {
  /** By which it is known. */
  name: AgentName,
  /** Its token ends after so long; without it when it is removed. */
  span_ms?: number,
  /** Why, for the book of acts. */
  reason?: string };

/** One agent of a home. Its token is not in here and nowhere else: of that only a hash is kept. */
export type Agent = {
  /** By which it is known, in the book of acts, too. */
  name: AgentName,
  /** Since when. */
  since: Timestamp,
  /** When it last asked for something, to the minute; `null`: never. */
  last_used: Timestamp | null,
  /** When its token ends by itself; `null`: when a person removes it. */
  expires: Timestamp | null };

/** An agent's name, unique within its home. */
export type AgentName = string;

/** An edit to write and to bring up. */
export type ApplyDefinitionRequest = {
  /** Of which cluster's definition. */
  cluster: ClusterId,
  /** The whole of it, edited. */
  text: string,
  /** The mark of what was read. A file that has another one now is left as it is. */
  mark: string,
  /** Why, for the book of acts. */
  reason?: string };

/** One act that needs approvals. */
export type Approval = {
  /** Its number in this home. */
  id: ApprovalId,
  /** When it was asked for. */
  at: Timestamp,
  /** When it is over, used or not. */
  until: Timestamp,
  /** Who asks. */
  actor: Actor,
  /** By what name: the account that the engine runs as, or an agent's ("agent claude"). */
  name: string,
  /** What is to be done. */
  verb: Verb,
  /** To what. */
  target: Target,
  /** What else belongs to it, in words: "2 instances", "with its volumes data". It is let in exactly so. */
  details: string,
  /** Why, as the actor said. */
  reason: string,
  /** What will happen, a line each. */
  consequences: Array<string>,
  /** The rules that ask for approvals. */
  rules: Array<DecidingRule>,
  /** Which rules there were. By others it has to be asked for again. */
  set: string,
  /** How many persons have to approve. */
  needed: number,
  /** Who has, oldest first. */
  given: Array<Approver>,
  /** How it stands. */
  state: ApprovalState };

/** Counts what was asked of persons in one home, from 1. */
export type ApprovalId = number;

/** Which act that waits for persons. */
export type ApprovalRequest = {
  /** Its number. */
  id: ApprovalId,
  /** Who says so, where several use one account; without it whoever the account is of. */
  name?: string,
  /** Why, for the book of acts. */
  reason?: string };

/** How it stands with one. */
export type ApprovalState = "waiting" | "approved" | "used" | "denied" | "expired" | "withdrawn";

/** A person who has approved. */
export type Approver = {
  /** As they named themselves, or else the account that the engine runs as. */
  name: string,
  /** Through what: "cli", "window", "browser". */
  via: string,
  /** When. */
  at: Timestamp };

/** Whose terminal to attach to. */
export type AttachRequest = {
  /** Of which cluster. */
  cluster: ClusterId,
  /** Which instance. */
  instance: InstanceId };

/** How far healing goes by itself, the least first. */
export type Autonomy = "off" | "advise" | "on";

/** How far healing is to go by itself in a cluster. */
export type AutonomyRequest = {
  /** In which cluster. */
  cluster: ClusterId,
  /** How far; as its definition says unless given. */
  mode?: Autonomy,
  /** Why, for the book of acts. */
  reason?: string };

/** Why a service was away. */
export type AwayReason = {
  /** In words: "without db", "hung and not seen". */
  text: string,
  /** For so many milliseconds. */
  ms: number };

/** Whether an instance gets requests. */
export type BackendState = "serving" | "ejected" | "draining" | "withheld";

/** One instance behind a route. */
export type BackendView = {
  /** Its id in the registry. */
  id: string,
  /** The instance, where it is one of a cluster. */
  instance: InstanceId | null,
  /** Where it is: "127.0.0.1:20116". */
  address: string,
  /** Whether it gets requests. */
  state: BackendState,
  /** Why it does not, in words. */
  why: string | null,
  /** When that ends by itself. */
  until: Timestamp | null,
  /** Requests it works on now. */
  in_flight: number,
  /** What it answered. */
  traffic: Traffic };

/** How an instance is chosen for a request. */
export type Balance = "least_of_two" | "round_robin" | "least_request" | "hash";

/** How it is known when a fault began. */
export type Began = "exit" | "last_good" | "start" | "seen";

/** What is wrong with an instance, as far as remedies against it are compared. */
export type CauseKind = "ended" | "not_started" | "not_ready" | "failing" | "load";

/** One change. Each carries the whole new thing, so applying it twice does no harm. */
export type Change = { "kind": "cluster",
  /** The cluster. */
  cluster: ClusterView,
  /** The home's new overall state. */
  overall: Overall } | { "kind": "cluster_state",
  /** Which. */
  cluster: ClusterId,
  /** How it is, in one word. */
  state: Overall,
  /** Why, in words. */
  reason: string,
  /** Healing is held for the whole cluster. */
  held: boolean,
  /** When that ends by itself. */
  held_until?: Timestamp,
  /** How far healing goes by itself, where that is not all the way. */
  autonomy?: Autonomy,
  /** The home's new overall state. */
  overall: Overall } | { "kind": "cluster_removed",
  /** Which. */
  cluster: ClusterId } | { "kind": "instances",
  /** Of which cluster. */
  cluster: ClusterId,
  /** The instances. */
  instances: Array<InstanceStatus> } | { "kind": "instances_removed",
  /** Of which cluster. */
  cluster: ClusterId,
  /** Which. */
  instances: Array<InstanceId> } | { "kind": "pulses",
  /** Of which cluster. */
  cluster: ClusterId,
  /** By instance. */
  pulses: { [key in InstanceId]: Pulse } } | { "kind": "connections",
  /** In which cluster. */
  cluster: ClusterId,
  /** All of them. */
  connections: Array<ObservedConnection> } | { "kind": "incident",
  /** The incident. */
  incident: Incident } | { "kind": "event",
  /** The event. */
  event: Event } | { "kind": "registry",
  /** New or changed entries. */
  upserts: Array<RegistryView>,
  /** Gone ones, as name and id. */
  removed: Array<[string, string]>,
  /** How many entries the registry has now. */
  total: number } | { "kind": "mutes",
  /** All that are off now, the widest first. */
  mutes: Array<Mute> };

/** A service that is defined otherwise. */
export type ChangedService = {
  /** Which. */
  service: ServiceName,
  /** What is different, in words. Values of variables are not among them. */
  what: Array<string> };

/** An edit to check. */
export type CheckDefinitionRequest = {
  /** Of which cluster's definition. */
  cluster: ClusterId,
  /** The whole of it, edited. */
  text: string };

/** What is wrong with an edited definition, or what it would do. */
export type CheckedDefinition = {
  /** What is wrong, in the order of the file; at most 20. */
  problems: Array<ProblemView>,
  /** So many more are wrong. */
  unshown: number,
  /** What applying it would do; `null` while something is wrong. */
  edit: EditView | null };

/** What keeps traffic from an instance that has failed several times in a row. */
export type Circuit = "open" | "half-open";

/** A cluster's identity on this machine: its name, a hyphen and eight hex digits of a hash of folder and name. The same folder always gives the same id. */
export type ClusterId = string;

/** A cluster in one line. */
export type ClusterLine = {
  /** Its id. */
  id: ClusterId,
  /** Its name. */
  name: ClusterName,
  /** Its folder. */
  folder: string,
  /** How it is, in one word. */
  overall: Overall,
  /** Why, in words. */
  reason: string,
  /** How far healing goes by itself, where that is not all the way. */
  autonomy?: Autonomy };

/** A cluster's name as its definition gives it. Two folders may use the same one. */
export type ClusterName = string;

/** A cluster. */
export type ClusterRequest = {
  /** Which. */
  cluster: ClusterId,
  /** Why, for the book of acts. */
  reason?: string };

/** How one cluster is. */
export type ClusterStatus = {
  /** Its id. */
  id: ClusterId,
  /** Its name. */
  name: ClusterName,
  /** All of it in one word. */
  overall: Overall,
  /** Why, in words. */
  reason: string,
  /** Its services by name. */
  services: Array<ServiceStatus> };

/** One cluster of this home. */
export type ClusterView = {
  /** Its id. */
  id: ClusterId,
  /** Its name. */
  name: ClusterName,
  /** Its folder. */
  folder: string,
  /** The file of the folder that defines it, where somebody has named it: to be named again when it is brought up again. */
  file?: string,
  /** How it is, in one word. */
  overall: Overall,
  /** Why, in words: "2 of 150 recovering". */
  reason: string,
  /** Healing is held for the whole cluster. */
  held: boolean,
  /** When that ends by itself. */
  held_until?: Timestamp,
  /** How far healing goes by itself, where that is not all the way. */
  autonomy?: Autonomy,
  /** Its services as defined. */
  services: Array<ServiceView> };

/** Kinds of failure a host may branch on. */
export type Code = "bad_request" | "not_found" | "definition" | "refused" | "needs_approval" | "untrusted" | "risks" | "conflict" | "closing" | "internal";

/** How often a remedy has worked against one kind of cause, in one cluster. It is counted and never guessed: of none it says nothing. */
export type Confidence = {
  /** Times it worked: the service was well again, and stayed so until its incident was over. */
  worked: number,
  /** Times it is known what came of it. */
  of: number };

/** What to copy. */
export type CopyLogsRequest = {
  /** Of which cluster. */
  cluster: ClusterId,
  /** Whose logs, at most 1,000; of several the lines are put in the order of time, each with its instance. */
  instances: Array<InstanceId>,
  /** The bytes as they were written, of one log and all of it; else text as it is shown, without colours. */
  raw?: boolean,
  /** Not written before. */
  since?: Timestamp,
  /** Not written after. */
  until?: Timestamp,
  /** Only lines that hold this regular expression; see `LogsRequest`. */
  grep?: string,
  /** Only lines that hold this text; see `LogsRequest`. */
  text?: string,
  /** Only lines of this level or a higher one. */
  level?: LogLevel,
  /** What `reveal` gave, to see secrets, too. */
  reveal?: string };

/** What decided about an act. */
export type Decided = {
  /** What of the target they were asked about, in words; empty for the whole home. */
  facts?: string,
  /** The rules, in the order of their file; none when no rule allows it. */
  rules: Array<DecidingRule>,
  /** Which rules there were: the first half of the SHA-256 of their text, in hexadecimal digits. */
  set: string };

/** A rule that decided, as people read it. */
export type DecidingRule = {
  /** Its name in its file. */
  id: string,
  /** It is of the cluster's own folder, and not of this home. */
  project?: boolean,
  /** What it says, in a sentence. Left out of what programs register, of which there is much. */
  says?: string };

/** What a definition says of an observed connection. */
export type Declared = "need" | "through" | "against" | "no";

/** Whose definition to read. */
export type DefinitionRequest = {
  /** Of which cluster. */
  cluster: ClusterId };

/** A definition as it lies in its folder. */
export type DefinitionView = {
  /** Where. */
  path: string,
  /** What it says. */
  text: string,
  /** By which it is known again: another text has another one. */
  mark: string };

/** An event that was taken. */
export type Delivery = {
  /** Its number. */
  seq: number,
  /** When. */
  at: Timestamp,
  /** What was answered. */
  status: number };

/** What changed, numbered without gaps. A host that misses one asks for a new snapshot. */
export type Delta = {
  /** One more than the one before. */
  seq: number,
  /** What changed. */
  change: Change };

/** What is taken down. */
export type DownRequest = {
  /** Which. */
  cluster: ClusterId,
  /** Volumes that are removed, with all that is in them: those that a person was shown, and no others. */
  volumes?: Array<string>,
  /** Why, for the book of acts. */
  reason?: string };

/** What applying an edited definition would do to what runs. */
export type EditView = {
  /** Services that would be started. */
  added: Array<ServiceName>,
  /** Services that would be stopped and taken away. */
  removed: Array<ServiceName>,
  /** Services that would be restarted, and why. */
  restarted: Array<ChangedService>,
  /** Services that would take it on while they run. */
  adjusted: Array<ChangedService>,
  /** Things to know that are no mistakes. */
  notes: Array<string> };

/** The gateway sends an instance nothing for a while, for what it did with requests. */
export type Ejection = {
  /** "it failed five requests in a row, the last because it answered 500". */
  why: string,
  /** When it gets some again. */
  until: Timestamp };

/** Where a service is reached. */
export type Endpoint = { "kind": "tcp",
  /** Its number. */
  port: number } | { "kind": "unix",
  /** Its path. */
  path: string };

/** The engine of this home. */
export type EngineView = {
  /** Its process. */
  pid: number,
  /** Its version. */
  version: string,
  /** Its home folder. */
  home: string,
  /** Where the API and the browser UI listen; `null` when they do not. */
  api: string | null,
  /** Where the registry listens. */
  registry: string | null,
  /** Where the gateway listens. */
  gateway: string | null,
  /** Where Consul's clients are served. */
  consul: string | null,
  /** What this machine cannot promise, in words a user understands. Empty is best. */
  limits: Array<string> };

/** What kind of thing an entry of a timeline tells of. */
export type EntryKind = "probe" | "exit" | "log" | "opened" | "remedy" | "outcome" | "hold" | "circuit" | "quarantine" | "release" | "impact" | "relief" | "root" | "engine" | "ended";

/** Whose environment. */
export type EnvRequest = {
  /** Its cluster. */
  cluster: ClusterId,
  /** Which instance. */
  instance: InstanceId,
  /** What `reveal` gave, to see secrets, too. */
  reveal?: string };

/** What an instance really got, and what it would get now. */
export type EnvView = {
  /** Which. */
  instance: InstanceId,
  /** Which start of it. */
  generation: Generation,
  /** It runs. What has ended got this as well. */
  running: boolean,
  /** All its variables by name, and those it would get now. */
  variables: Array<VariableView>,
  /** How many it would get differently now; what only the terminal sets does not count. */
  differs: number,
  /** Why the definition as it is now cannot be read; then it is compared with the recorded one. */
  problem: string | null };

/** What is done about a threat to a service, the least first. */
export type Escalation = "tell" | "hold" | "stop";

/** One thing that happened in a home. */
export type Event = {
  /** Counts up by one within a home, from 1; survives restarts of the engine. */
  seq: number,
  /** When. */
  at: Timestamp,
  /** In which cluster; `null` for the home itself. */
  cluster: ClusterId | null,
  /** What. */
  what: EventKind };

/** What happened. */
export type EventKind = { "kind": "engine_started",
  /** Its process. */
  pid: number,
  /** Instances it found running and adopted. */
  adopted: number } | { "kind": "engine_stopped",
  /** True when services were left running for the next engine. */
  left_running: boolean } | { "kind": "state_changed",
  /** Which. */
  instance: InstanceId,
  /** Its generation. */
  generation: Generation,
  /** From. */
  from: State,
  /** To. */
  to: State,
  /** Why. */
  reason: Reason } | { "kind": "started",
  /** Which. */
  instance: InstanceId,
  /** Its generation. */
  generation: Generation,
  /** The process. */
  pid: number } | { "kind": "exited",
  /** Which. */
  instance: InstanceId,
  /** Its generation. */
  generation: Generation,
  /** How. */
  status: ExitStatus } | { "kind": "adopted",
  /** Which. */
  instance: InstanceId,
  /** Its generation. */
  generation: Generation,
  /** The process. */
  pid: number } | { "kind": "port_moved",
  /** Whose. */
  instance: InstanceId,
  /** The port the definition prefers. */
  wanted: number,
  /** The port it got. */
  got: number,
  /** Who holds the preferred one, as far as can be seen. */
  holder: string } | { "kind": "undeclared",
  /** Who opens the connections. */
  service: ServiceName,
  /** Who listens. */
  need: ServiceName,
  /** Where. */
  at: Endpoint } | { "kind": "scaled",
  /** To which. */
  service: ServiceName,
  /** How many there were to be. */
  before: number,
  /** How many there are to be now. */
  replicas: number,
  /** What of its load was seen, in words. */
  why: string } | { "kind": "system_ready",
  /** Services that are wanted. */
  services: number,
  /** From the order to here, in milliseconds. */
  took_ms: number } | { "kind": "service_healed",
  /** The incident. */
  incident: IncidentId,
  /** The service at the root of it. */
  service: ServiceName,
  /** The instance at the root of it. */
  instance: InstanceId,
  /** What it was, as one sentence. */
  cause: string,
  /** Remedies that were tried. */
  remedies: number,
  /** From when the fault began, as well as that is known, to its end, in milliseconds. */
  took_ms: number } | { "kind": "emergency_shutdown",
  /** As it was given. */
  reason: string,
  /** Processes that were ended; `null` when another process walked the emergency path. */
  ended: number | null,
  /** Processes that are left; `null` when that was not seen. */
  left: number | null,
  /** How long it took, in milliseconds; `null` like `ended`. */
  took_ms: number | null } | { "kind": "incident",
  /** The incident. */
  incident: Incident } | { "kind": "act",
  /** The act. */
  act: Act } | { "kind": "approval",
  /** What is asked. */
  approval: Approval } | { "kind": "rules_alarm",
  /** What is wrong, where, and what to do about it. */
  text: string } | { "kind": "finding",
  /** The finding. */
  finding: Finding } | { "kind": "threat",
  /** What. */
  threat: Threat,
  /** It is over. */
  over: boolean } | { "kind": "notice",
  /** In words. */
  text: string };

/** Which events. */
export type EventsRequest = {
  /** Those with a higher number; without it the newest. */
  after?: number,
  /** At most so many, and never over 10,000; 200 unless given. */
  limit?: number };

/** One probe's result: what was asked, what was seen, how long it took. */
export type Evidence = {
  /** What came of it. */
  verdict: Verdict,
  /** In words: "GET /health answered 503", "tcp 5432 refused". */
  detail: string,
  /** From asking to knowing, in microseconds. */
  latency_us: number };

/** How a process ended: as its direct parent saw it, or unknown. Never invented. */
export type ExitStatus = { "kind": "code", "value": number } | { "kind": "signal", "value": number } | { "kind": "unknown" } | { "kind": "out_of_memory", "value": {
  /** How much it may use, in bytes; `null` when it was not over its own limit and the machine, or a group above, had nothing left. */
  limit: number | null,
  /** The code its own process exited with, when that was not the one that was killed. */
  code: number | null } };

/** A failed command. */
export type Failure = {
  /** Which kind, for branching. */
  code: Code,
  /** What is wrong and what to do, as sentences. */
  message: string };

/** What the feed sends, one JSON object a line. */
export type FeedMessage = { "kind": "snapshot",
  /** The picture. */
  snapshot: Snapshot } | { "kind": "delta",
  /** The change. */
  delta: Delta };

/** Something about one instance that goes wrong slowly. */
export type Finding = {
  /** Of which instance. */
  instance: InstanceId,
  /** What kind. */
  kind: FindingKind,
  /** In words: "memory grows 12 MB an hour; reaches its limit of 512 MB in about 6 h". */
  text: string,
  /** When it was found. */
  opened: Timestamp,
  /** When the words were last true. */
  updated: Timestamp,
  /** When it ended; `null` while it goes on. */
  closed: Timestamp | null };

/** What kind of thing was found. */
export type FindingKind = "memory_grows" | "files_grow" | "latency_creeps" | "restarts_often";

/** What was found in a folder. */
export type FolderView = {
  /** The folder, absolute. */
  folder: string,
  /** The definition file that would be used. */
  file: string | null,
  /** Other files of the folder that say what to run, and are not used unless they are asked for. */
  others: Array<string>,
  /** What the file says that a definition cannot, and what was made of it. */
  notes: Array<string>,
  /** The cluster's name. */
  name: ClusterName | null,
  /** How many services it defines. */
  services: number,
  /** It was run from this home before. */
  known: boolean,
  /** What would be executed, one line a service, for a person to read before the first run. */
  commands: Array<string>,
  /** What makes containers of it as good as root on this machine and was not allowed yet: ask, then send them as `risks`. */
  risks: Array<string>,
  /** What is wrong with it, with line and caret; empty when it can run. */
  problem: string | null,
  /** Where git stands, when the folder is in a working tree of it. */
  git: GitView | null };

/** Whose logs to follow. */
export type FollowLogsRequest = {
  /** Of which cluster. */
  cluster: ClusterId,
  /** Which services; none is all of them. */
  services: Array<ServiceName>,
  /** So many lines of each instance first, at most 10,000; 100 unless given. */
  tail?: number,
  /** Instead of its last lines, all of an instance's lines from this address on: for a reader that was here before. */
  from?: Record<InstanceId, number>,
  /** Only lines that hold this regular expression; see `LogsRequest`. */
  grep?: string,
  /** Only lines that hold this text; see `LogsRequest`. */
  text?: string,
  /** Only lines of this level or a higher one. */
  level?: LogLevel,
  /** For who shows only what is newest: of lines that come faster than this many at a look (ten a second), of all logs together, the older ones are passed over, which the next line says. Every line unless given. */
  newest?: number,
  /** What `reveal` gave, to see secrets, too. */
  reveal?: string };

/** How much of the gateway. */
export type GatewayAsked = {
  /** How many of the last requests, at first; 200, and 1,000 at most. */
  requests?: number };

/** What a service asks of a route. */
export type GatewayEdge = {
  /** The cluster of the service that asks. */
  cluster: ClusterId,
  /** That service. */
  caller: ServiceName,
  /** The host of the route. */
  host: string,
  /** What went that way. */
  traffic: Traffic };

/** The gateway, or what has changed since the message before. */
export type GatewayMessage = {
  /** When it was looked. */
  at: Timestamp,
  /** It; of its routes those that have changed, which at first are all. `null` where it does not run. */
  gateway: GatewayView | null,
  /** Hosts of routes that are no more. */
  gone: Array<string>,
  /** Which services ask what of which routes: all of them. */
  edges: Array<GatewayEdge>,
  /** Requests since the message before, oldest first. */
  requests: Array<GatewayRequest> };

/** One request that came through, or was refused: a line of the access log. */
export type GatewayRequest = {
  /** Counts them since the gateway started, from 1. */
  seq: number,
  /** When it came. */
  at: Timestamp,
  /** Its id, as the instance was told in `X-Request-Id`. */
  id: string,
  /** Its method. */
  method: string,
  /** The host of the route it was led to; of none, the one it asked for. */
  host: string,
  /** Its path, without the query: that may hold what is nobody's business. */
  path: string,
  /** What it was answered. */
  status: number,
  /** How long that took, in milliseconds. */
  took_ms: number,
  /** The id of the instance that answered. */
  backend: string | null,
  /** The service that asked, where it is one. */
  caller: ServiceName | null,
  /** Who asked. */
  whence: Whence,
  /** How often it was tried again. */
  retries: number,
  /** What went wrong, in words. */
  error: string | null };

/** The answer to it. */
export type GatewayTried = {
  /** Its status. */
  status: number,
  /** How long it took until its head was there, in milliseconds. */
  head_ms: number,
  /** How long it took until its body was, or until no more of it was read. */
  took_ms: number,
  /** Its headers, as name and value, in the order they came. */
  headers: Array<[string, string]>,
  /** Its body; `null` when it is no text. */
  body: string | null,
  /** How many bytes of it were read. */
  bytes: number,
  /** Why not all of it was read, in words. */
  cut: string | null };

/** A request that a person wants to send to a route. */
export type GatewayTry = {
  /** The host of the route: "api.shop.localhost". */
  host: string,
  /** The method, in capitals: "GET". */
  method: string,
  /** The path with its query; it begins with a slash. */
  path: string,
  /** Headers, as name and value. */
  headers?: Array<[string, string]>,
  /** The body, as text. */
  body?: string,
  /** Why, for the book. */
  reason?: string };

/** The gateway as it is shown. */
export type GatewayView = {
  /** Where it listens, as [`super::EngineView::gateway`] has it: "http://127.0.0.1:7422". */
  address: string,
  /** Connections of clients that are open now. */
  connections: number,
  /** Its routes, by host: those of clusters and the busiest of the others, 2,000 at most. */
  routes: Array<RouteView>,
  /** How many there are. */
  total: number,
  /** What it refused itself since it started: a host that is none of ours, another origin, what is malformed, what passes a limit. */
  refused: number };

/** Counts the starts of one instance, from 1. A word about an older generation is old news. */
export type Generation = number;

/** Where a working tree of git stands: what tells several of one project apart. */
export type GitView = {
  /** The branch that is checked out; where none is, the beginning of the commit. */
  branch: string,
  /** The folder of the repository this is a linked working tree of; `None` in the main one. */
  worktree_of: string | null };

/** One service in the graph. */
export type GraphNode = {
  /** Its name. */
  name: ServiceName,
  /** Its category. */
  category: string,
  /** The state of the instance that is furthest from serving. */
  state: State,
  /** What it declares to need. */
  needs: Array<ServiceName>,
  /** What is waited for of those of them that need not be ready, or not be there. */
  terms?: { [key in ServiceName]: Terms },
  /** The service it suffers from. */
  impacted_by: ServiceName | null };

/** What needs what in a cluster, and what was seen of it. */
export type GraphView = {
  /** The cluster. */
  cluster: ClusterLine,
  /** Its services, by name. */
  services: Array<GraphNode>,
  /** Connections between them that were seen. */
  connections: Array<ObservedConnection>,
  /** What should be changed in the definition, in words. */
  advice: Array<string> };

/** What healing did in a time. */
export type Healed = {
  /** From then. */
  from: Timestamp,
  /** Until then. */
  to: Timestamp,
  /** Over all services. */
  total: HealedSum,
  /** By service: those with the most incidents first. */
  services: Array<HealedService> };

/** What healing did, of what and since when. */
export type HealedRequest = {
  /** From then until now. */
  since: Timestamp,
  /** Of this cluster alone. */
  cluster?: ClusterId,
  /** Of this service alone. */
  service?: ServiceName };

/** What it did for one service. */
export type HealedService = {
  /** Where. */
  cluster: ClusterId,
  /** Which. */
  service: ServiceName,
  /** What. */
  sum: HealedSum };

/** Incidents summed up. */
export type HealedSum = {
  /** Incidents with it at the root. */
  incidents: number,
  /** Those that healing ended without anybody. */
  healed: number,
  /** Those that needed a person: quarantined, or healing was not allowed to act. */
  person: number,
  /** Those that are being worked on. */
  open: number,
  /** Those that wait in quarantine for a person. */
  quarantined: number,
  /** Automatic restarts, those that made up for the fault of another among them. */
  restarts: number,
  /** Times it was put in quarantine. */
  quarantines: number,
  /** Instances that were added under load. */
  added: number,
  /** Half of those that healing ended lasted no longer from when they began, in milliseconds. */
  recover_p50_ms: number | null,
  /** The longest of all that have ended, from when it began, in milliseconds. */
  longest_ms: number | null,
  /** Half of all were detected within this, in milliseconds. */
  detect_p50_ms: number | null };

/** How well something that is registered is, the best first. */
export type Health = "passing" | "warning" | "critical";

/** The history of one instance. */
export type History = {
  /** Length of a bucket in milliseconds. */
  bucket_ms: number,
  /** Oldest first. */
  points: Array<HistoryPoint>,
  /** When healing acted, for markers: time and what. */
  marks: Array<[Timestamp, string]>,
  /** What others than healing did to it, oldest first: the definition was applied, it was restarted. */
  acts: Array<Act> };

/** One point of an instance's history. */
export type HistoryPoint = {
  /** When; the end of the bucket. */
  at: Timestamp,
  /** Median probe latency in the bucket, in milliseconds; `null` when none passed. */
  latency_ms: number | null,
  /** Highest probe latency in the bucket, in milliseconds. */
  latency_max_ms: number | null,
  /** Probes that failed. */
  failed: number,
  /** Probes made. */
  probes: number,
  /** The worst state it was in during the bucket. */
  state: State,
  /** Share of one core; `null` when not measured. */
  cpu: number | null,
  /** Resident bytes. */
  memory: number | null };

/** Which part of an instance's history. */
export type HistoryRequest = {
  /** Its cluster. */
  cluster: ClusterId,
  /** Which instance. */
  instance: InstanceId,
  /** So long, in milliseconds. */
  range_ms: number,
  /** Up to then; up to now unless given. */
  until?: Timestamp,
  /** In so many points, at most 2,000. */
  buckets: number };

/** Healing keeps its hands off. */
export type Hold = {
  /** Why: "a person holds it", "gdb (pid 4711) is attached to it". */
  why: string,
  /** A person does, and can let it go on. */
  person: boolean,
  /** When it ends by itself; `null` when it does not. */
  until: Timestamp | null };

/** What healing keeps its hands off. */
export type HoldRequest = {
  /** Of which cluster. */
  cluster: ClusterId,
  /** Which; none is the whole cluster. */
  services: Array<ServiceName>,
  /** For so long, in milliseconds, at most 30 days; without an end unless given. */
  span_ms?: number,
  /** Why, for the book of acts. */
  reason?: string };

/** One who holds a port. */
export type HolderView = {
  /** The addresses it listens on; none for a port that is only reserved. */
  addresses: Array<string>,
  /** Its process; `null` when whoever asks may not see it, and for a port that is only reserved. */
  pid: number | null,
  /** What it runs. */
  command: string | null,
  /** Whose it is. */
  user: string | null,
  /** Since when the process runs, or the port is reserved. */
  since: Timestamp | null,
  /** Its parents, the nearest first. */
  parents: Array<ParentView>,
  /** The service of the system it is part of. */
  unit: string | null,
  /** The container it is in, or forwards to. */
  container: string | null,
  /** What of Azora's it is part of. */
  stack: StackView | null,
  /** The home whose engine it is. */
  engine_of: string | null,
  /** Whether it may be stopped. */
  safe: Safe,
  /** Why, and how it is done properly. */
  advice: string };

/** The whole home. */
export type HomeRequest = {
  /** Why, for the book of acts. */
  reason?: string };

/** One root cause and its story. */
export type Incident = {
  /** Its number in this home. */
  id: IncidentId,
  /** Where. */
  cluster: ClusterId,
  /** The service at the root of it. */
  service: ServiceName,
  /** The instance at the root of it. */
  instance: InstanceId,
  /** How far it has come. */
  state: IncidentState,
  /** What was seen: "db.0 was ended by SIGKILL". */
  cause: string,
  /** Services that suffer from it. */
  impacted: Array<ServiceName>,
  /** What was tried, oldest first: the last [`MAX_ACTIONS`]. */
  actions: Array<Remedy>,
  /** When it was detected. */
  opened: Timestamp,
  /** When it ended. */
  resolved: Timestamp | null,
  /** Time to recover: from detection to its end, in milliseconds. `null` while it is open. */
  duration_ms: number | null,
  /** When the fault began, as well as that can be known. */
  began: Timestamp | null,
  /** How that is known. */
  began_by: Began | null,
  /** Time to detect: from `began` to `opened`, in milliseconds. */
  detect_ms: number | null,
  /** What it waits for, in words; `null` when it has ended. */
  waits: string | null,
  /** Healing could not end it alone: it was in quarantine, or healing was not allowed to act. */
  person: boolean,
  /** So many entries its timeline has had. */
  entries: number };

/** One line of an incident's timeline. */
export type IncidentEntry = {
  /** Counts up within the incident, from 1. Where a number is missing, entries were let go of. */
  n: number,
  /** When it happened. */
  at: Timestamp,
  /** What kind of thing. */
  kind: EntryKind,
  /** In words. */
  text: string,
  /** The services it is about, where it is about others; at most [`MAX_NAMED`]. */
  services: Array<ServiceName>,
  /** The act behind it, where there is one. */
  act: ActId | null };

/** Counts the incidents of one home, from 1. */
export type IncidentId = number;

/** Which incident. */
export type IncidentRequest = {
  /** Its number. */
  id: IncidentId };

/** How far an incident has come. */
export type IncidentState = "open" | "resolved" | "quarantined" | "closed";

/** An incident with its timeline, oldest first. */
export type IncidentStory = {
  /** Its head. */
  incident: Incident,
  /** What is kept of its timeline: the first [`KEPT_FIRST`] and the last [`KEPT_LAST`] entries. */
  timeline: Array<IncidentEntry> };

/** Which incidents. */
export type IncidentsRequest = {
  /** Of this cluster alone. */
  cluster?: ClusterId,
  /** With this service at the root alone. */
  service?: ServiceName,
  /** Only those that go on. */
  open: boolean,
  /** Only those that were open at this time or later. */
  since?: Timestamp,
  /** At most so many, and never over 10,000; 200 unless given. */
  limit?: number };

/** One instance of a service: `api.0`, `api.1`. */
export type InstanceId = string;

/** All that is known of one instance at one moment. The row of `azora ps`. */
export type InstanceStatus = {
  /** `api.0`. */
  instance: InstanceId,
  /** `api`. */
  service: ServiceName,
  /** The definition's category; "services" when it names none. */
  category: string,
  /** Where it is in its life. */
  state: State,
  /** Why, and what next. */
  reason: Reason,
  /** The service's own process, not its shim. `null` while nothing runs. */
  pid: number | null,
  /** Ports it was given, preferred first. Empty when it has none. */
  ports: Array<number>,
  /** How often it was started. */
  generation: Generation,
  /** How often it was started again by healing since a person last started it. */
  restarts: number,
  /** When it entered this state. */
  since: Timestamp,
  /** Marks on the state. */
  marks: Marks,
  /** Where its schedule stands, if it has one. */
  schedule?: Scheduled,
  /** What goes wrong slowly, as far as it was found. */
  findings?: Array<Finding>,
  /** Who wanted it to run, once somebody did. */
  origin?: Origin,
  /** The port it would rather have, while somebody else has it. */
  port_taken?: PortTaken };

/** How one instance has been. */
export type InstanceWindows = {
  /** Which. */
  instance: InstanceId,
  /** Over the last five minutes, hour, day and week. */
  windows: Array<Window> };

/** Who says how long an entry is listed. */
export type KeptBy = "own" | "lease" | "probe" | "checks";

/** One answer to a health probe. */
export type LastCheck = {
  /** Of which instance. */
  instance: InstanceId,
  /** When. */
  at: Timestamp,
  /** What was seen. */
  evidence: Evidence };

/** A run that has ended. */
export type LastRun = {
  /** When it ended, or was found to have ended. */
  at: Timestamp,
  /** How. */
  status: ExitStatus };

/** How long the last health probes of each service of a cluster took. */
export type Latencies = {
  /** In milliseconds, oldest first, of the slowest of its instances; `null` where none of them passed. Services without any are not there. */
  services: { [key in ServiceName]: Array<number | null> } };

/** Latencies of which services. */
export type LatenciesRequest = {
  /** All of this cluster. */
  cluster: ClusterId,
  /** So many of each, at most 200. */
  most: number };

/** Who lets go of a terminal's input. */
export type LeaveTerminalRequest = {
  /** In which session. */
  session: number };

/** A checkpoint: how many entries there were, and the root of their tree, signed. */
export type LedgerCheckpoint = {
  /** So many entries are signed. */
  size: number,
  /** When. */
  at: Timestamp,
  /** The signed note. */
  note: string };

/** Some entries, one after the other. */
export type LedgerEntries = {
  /** The number of the first, from 1; 0 when there is none. */
  first: number,
  /** The number of the last; higher than their count says when there is a gap. */
  last: number,
  /** How many. */
  count: number,
  /** Their texts, each with a line feed behind it. */
  text: string };

/** How it stands with the book of acts. */
export type LedgerIntegrity = "unchecked" | "whole" | "doubted";

/** A second place for checkpoints of the ledger. */
export type LedgerPlace = {
  /** Which, in words: a folder, "the git repository …", "the webhook …". */
  place: string,
  /** The checkpoint of so many entries is there; 0 when none is known to be. */
  size: number,
  /** Since when this engine knows that; `null` when none is known to be. */
  at: Timestamp | null,
  /** Why the newest one is not there, in words. It is tried again. */
  trouble: string | null };

/** Which entries of the ledger, or which checkpoints. */
export type LedgerRequest = {
  /** Those after the entry of this number, or after the checkpoint of this size; from the beginning unless given. */
  after?: number,
  /** At most so many, and never over 10,000; 200 unless given. */
  limit?: number };

/** What verifying a whole ledger has found. */
export type LedgerVerdict = {
  /** Nothing was found. */
  sound: boolean,
  /** So many entries are there. */
  entries: number,
  /** Up to here they are what was signed. */
  signed: number,
  /** So many checkpoints were held against them. */
  checkpoints: number,
  /** The root of the tree of all entries, in base64. */
  root: string,
  /** What was found, in words; at most a hundred. */
  findings: Array<string>,
  /** How many more were. */
  more: number };

/** How it stands with the ledger of a home. */
export type LedgerView = {
  /** So many entries are in it. */
  entries: number,
  /** So many of them are signed. */
  signed: number,
  /** The newest checkpoint; `null` when nothing was signed yet. */
  checkpoint: LedgerCheckpoint | null,
  /** The public half of the key that it is signed with now, in the form of signed notes; `null` while there is none. */
  key: string | null,
  /** The public halves of all keys that it was signed with. */
  keys: Array<string>,
  /** What of the past is not as it was signed, as far as whoever signs has seen it, in words. */
  doubt: string | null,
  /** Why it cannot be signed at the moment, in words. It is tried again. */
  trouble: string | null,
  /** Where checkpoints are kept besides the home. */
  places: Array<LedgerPlace> };

/** One limit of a service, in words for people. */
export type LimitView = {
  /** `memory`, `cpu`, `files` or `processes`, as the definition calls it. */
  what: string,
  /** How much: "512 MB". */
  wanted: string,
  /** False when nothing on this machine enforces it. */
  held: boolean,
  /** What enforces it, and how far; or why nothing does. */
  by: string };

/** How far the copy of a log is. */
export type LogCopy = {
  /** The file, in the home's folder `exports`. */
  path: string,
  /** Bytes of the logs that were gone through. */
  read: number,
  /** Of so many. */
  of: number,
  /** Lines that were written. */
  lines: number,
  /** All of it is written. Before that the file goes when its reader does. */
  done: boolean,
  /** Why it was given up. */
  problem?: string };

/** How much a line matters, as it says itself. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

/** One line of a service's output. */
export type LogLine = {
  /** Byte offset of the line in its log: its address, for ever. */
  offset: number,
  /** Where the next line begins: ask for what comes after with it. */
  end: number,
  /** Only for a reader that was outrun: so many bytes between the line before, or the address that was asked for, and this line went out of the log before they were read. */
  missed?: number,
  /** Only for a reader that asked for the newest lines alone: so many bytes before this line were passed over. They are in the log. */
  skipped?: number,
  /** How much it matters, where that can be told. */
  level?: LogLevel,
  /** When it was written, to the second; `null` when not known. */
  at: Timestamp | null,
  /** Which instance. */
  instance: InstanceId,
  /** Its text without the line end. Colours (SGR) are kept, other escape sequences are left out, and stray control characters are made visible. */
  text: string };

/** Lines of a log, oldest first. */
export type LogPage = {
  /** The lines. */
  lines: Array<LogLine>,
  /** Where the first whole line begins that is still kept. Lines with lower addresses are gone. */
  begin: number,
  /** Where the log ends now. */
  end: number,
  /** Where its last finished line ends: follow from here. What begins here is still being written. */
  whole: number,
  /** Where to go on: with `after` for newer lines if this page was asked for with it, else with `before` for older ones. */
  next: number,
  /** Older lines exist before this page. */
  more: boolean };

/** A place in one log or several. */
export type LogPlace = { "kind": "end" } | { "kind": "before",
  /** One of each instance. */
  places: Record<InstanceId, number> } | { "kind": "after",
  /** One of each instance. */
  places: Record<InstanceId, number> } | { "kind": "line",
  /** Of whose log. */
  instance: InstanceId,
  /** Its address. */
  offset: number } | { "kind": "time",
  /** Which. */
  at: Timestamp } | { "kind": "share",
  /** From 0 to 1. */
  share: number };

/** One start of an instance, as its log tells of it. */
export type LogRun = {
  /** Which start. */
  generation: Generation,
  /** When it began. */
  at: Timestamp,
  /** Length of the log when it began: its lines have this address and higher ones. */
  begin: number,
  /** Where its last line ends; the next start begins there. */
  end: number,
  /** Its first line that looks like an error. It is kept even when the log has given the line up. */
  error: LogLine | null,
  /** The log still has that line. */
  kept: boolean,
  /** So many bytes were given up faster than they could be looked through: an error in them is not known. */
  unseen: number };

/** Which starts of an instance. */
export type LogRunsRequest = {
  /** Its cluster. */
  cluster: ClusterId,
  /** Which instance. */
  instance: InstanceId,
  /** At most so many of the newest; 1 unless given. The last 64 are known. */
  limit?: number };

/** How far a search is. */
export type LogSearch = {
  /** In whose log. */
  instance: InstanceId,
  /** Addresses of lines that were found since the last message; none after the first 100,000 of all logs. */
  found: number[],
  /** How many lines of this log were found until now. */
  count: number,
  /** Looked through from here … */
  from: number,
  /** … to here … */
  at: number,
  /** … of what there is until here. */
  end: number,
  /** Every log was looked through. What is written later is looked through as it comes. */
  done: boolean,
  /** Why it ends here without having come to the end. */
  problem?: string };

/** A part of one log, or of several put in the order of time (to the second). */
export type LogView = {
  /** The lines; those of one instance in the order of their addresses. */
  lines: Array<LogLine>,
  /** How many of them lie before the place that was asked for. */
  before: number,
  /** Where what was looked through begins in each log: ask for older lines with it. */
  from: Record<InstanceId, number>,
  /** Where it ends: ask for newer lines, or follow, with it. */
  to: Record<InstanceId, number>,
  /** Where the kept part of each log begins. */
  begin: Record<InstanceId, number>,
  /** Where the last finished line of each log ends now. */
  end: Record<InstanceId, number> };

/** Which part of which logs. */
export type LogViewRequest = {
  /** Of which cluster. */
  cluster: ClusterId,
  /** Whose logs, at most 1,000. */
  instances: Array<InstanceId>,
  /** Around which place. */
  place: LogPlace,
  /** At most so many lines, and never over 5,000; 500 unless given. */
  limit?: number,
  /** Not written before. */
  since?: Timestamp,
  /** Not written after. */
  until?: Timestamp,
  /** Only lines that hold this regular expression; see `LogsRequest`. */
  grep?: string,
  /** Only lines that hold this text; see `LogsRequest`. */
  text?: string,
  /** Only lines of this level or a higher one. */
  level?: LogLevel,
  /** What `reveal` gave, to see secrets, too. */
  reveal?: string };

/** Which lines of an instance's log. */
export type LogsRequest = {
  /** Its cluster. */
  cluster: ClusterId,
  /** Which instance. */
  instance: InstanceId,
  /** The last ones that end before this offset. */
  before?: number,
  /** The first ones that begin at or after this offset. */
  after?: number,
  /** At most so many, and never over 10,000; 500 unless given. */
  limit?: number,
  /** Not written before. */
  since?: Timestamp,
  /** Not written after. */
  until?: Timestamp,
  /** Holding this regular expression; upper and lower case are the same unless it says `(?-i)`. */
  grep?: string,
  /** Holding this text as it is, in either case. */
  text?: string,
  /** Of this level or a higher one, as far as a line says it. */
  level?: LogLevel,
  /** What `reveal` gave, to see secrets, too. */
  reveal?: string };

/** Which folder. */
export type LookRequest = {
  /** Absolute. */
  folder: string,
  /** The name of the file in it, when not the one that would be found. */
  file?: string,
  /** The environment that `up` will be sent, which a file may take variables from; as there without it. */
  env?: { [key in string]: string } };

/** Marks on a state. They say more about it and never replace it. */
export type Marks = {
  /** The failing service this one suffers from. */
  impacted_by?: ServiceName,
  /** Healing is held, by a person or because of what is being done to it. */
  held: boolean,
  /** Why it is held, and until when. */
  hold?: Hold,
  /** It gets no traffic, because it has failed several times in a row. */
  circuit?: Circuit,
  /** The gateway leaves it out for a while. */
  ejected?: Ejection,
  /** It was taken back to an older definition, because it did not get well on the newer one. */
  rolled_back?: RolledBack,
  /** Healing has added instances to its service, because of its load. */
  scaled?: Scaled,
  /** Its shim is gone; the process lives, its exit status will be unknown. */
  shim_lost: boolean,
  /** Files that it is made from are changing; it restarts when they have come to rest. */
  rebuilding?: boolean,
  /** It runs on an older definition than the present one, or in another environment than that and its env files would give it now: "2 variables differ; restart to apply". */
  drift?: string };

/** No notification is shown of these incidents. */
export type Mute = {
  /** Of which cluster; `null`: of all. */
  cluster: ClusterId | null,
  /** With which service of it at the root; `null`: whichever. */
  service: ServiceName | null,
  /** Since when. */
  since: Timestamp,
  /** When it ends by itself; `null`: when a person ends it. */
  until: Timestamp | null };

/** What no notification is to be shown of. */
export type MuteRequest = {
  /** Of which cluster; of everything unless given. */
  cluster?: ClusterId,
  /** Which of its services; none is all of them. */
  services: Array<ServiceName>,
  /** For so long, in milliseconds, at most 30 days; without an end unless given. */
  span_ms?: number,
  /** Why, for the book of acts. */
  reason?: string };

/** An agent that was just added, and its token, which is told this once. */
export type NewAgent = {
  /** The agent. */
  agent: Agent,
  /** What it shows to the API. */
  token: string };

/** Takes, or answers, nothing: `{}`. */
export type Nothing = Record<string, never>;

/** What the desktop app shows notifications of, and what not. */
export type NotificationsView = {
  /** False: `settings.toml` turns all of them off. */
  enabled: boolean,
  /** Clusters that `settings.toml` excepts. */
  except: Array<ClusterName>,
  /** Hours of the day in which `settings.toml` wants none: "22:00-07:00". */
  quiet: Array<string>,
  /** What a person turned off, the widest first. */
  mutes: Array<Mute> };

/** What a variable would be now. */
export type NowView = {
  /** Its value, as in [`VariableView`]; `null` when it would not be set. */
  value: string | null,
  /** Where that would come from; empty when nowhere. */
  from: string };

/** A service was seen to be connected to another. */
export type ObservedConnection = {
  /** Who opens the connections. */
  from: ServiceName,
  /** Who listens. */
  to: ServiceName,
  /** Where, newest first: at most four places. */
  at: Array<Endpoint>,
  /** Looks that have seen one. Short ones between two looks are missed. */
  seen: number,
  /** When the first look saw one. */
  first: Timestamp,
  /** When the last look did. */
  last: Timestamp,
  /** What the definition says of it. */
  declared: Declared };

/** Who wanted an instance to run as it does. Healing and the watching of files start it again on the same wish, so they are not named here: restarts and generation count them. */
export type Origin = {
  /** Who, and through what. */
  actor: Actor,
  /** Under which account of this machine, by name; its number where it has none. */
  user: string,
  /** What was asked for. */
  verb: Verb,
  /** The act. */
  act: ActId,
  /** When. */
  at: Timestamp };

/** How an act ended. */
export type Outcome = { "kind": "pending" } | { "kind": "done", "detail": string } | { "kind": "failed", "detail": string } | { "kind": "refused", "detail": string } | { "kind": "overtaken", "detail": string };

/** The state of a cluster, or of all of them, in one word. */
export type Overall = "stopped" | "operational" | "starting" | "degraded" | "critical";

/** A process that is named beside another. */
export type ParentView = {
  /** Its number. */
  pid: number,
  /** Its short name. */
  name: string };

/** A stretch of one line. */
export type PlaceView = {
  /** Its line, from 1. */
  line: number,
  /** The column it begins at, from 1, in characters. */
  column: number,
  /** How many characters. */
  length: number,
  /** What is there. */
  label: string };

/** Which port. */
export type PortRequest = {
  /** Its number, from 1. */
  port: number };

/** A preferred port that somebody else has. */
export type PortTaken = {
  /** Which. */
  wanted: number,
  /** Who had it when ports were chosen, in words. */
  holder: string };

/** Who has a port of this machine. */
export type PortView = {
  /** Which. */
  port: number,
  /** Everyone who listens on it, or has it reserved. Empty: it is free. */
  holders: Array<HolderView> };

/** Which of a service's probes. */
export type ProbeKind = "ready" | "health" | "startup";

/** What a probe saw last. */
export type ProbeView = {
  /** When. */
  at: Timestamp,
  /** Which. */
  kind: ProbeKind,
  /** What it saw. */
  evidence: Evidence };

/** One thing that is wrong. */
export type ProblemView = {
  /** What, in a sentence. */
  message: string,
  /** What would be right. */
  remedy: string | null,
  /** In which file: `azora.toml`, or an env file. */
  file: string,
  /** Where, the main place first. */
  places: Array<PlaceView> };

/** A line of a definition that would mend it. */
export type Proposal = {
  /** The table it belongs in: `service.api`. */
  table: string,
  /** The line: `ready = { tcp = "$PORT" }`. */
  line: string };

/** Which cluster's instances. */
export type PsRequest = {
  /** The cluster; it goes before `folder`. */
  cluster?: ClusterId,
  /** A folder in it. With neither, the home's only cluster. */
  folder?: string };

/** All instances of a cluster. */
export type PsView = {
  /** The cluster. */
  cluster: ClusterLine,
  /** Its instances. */
  instances: Array<InstanceStatus>,
  /** What holds the limits of the services that have some. */
  limits: { [key in ServiceName]: Array<LimitView> },
  /** What should be changed in the definition, in words: needs that were seen and are not declared. */
  advice: Array<string>,
  /** Where services are reached through the gateway, by their names. */
  urls: { [key in ServiceName]: string } };

/** The newest measurements of an instance. */
export type Pulse = {
  /** CPU and memory. */
  usage: Usage,
  /** What a probe of it saw last, whichever that was. */
  health: Evidence | null,
  /** When that was answered. */
  checked: Timestamp | null,
  /** What each of its probes saw last, where it has several. */
  probes?: Array<ProbeView> };

/** Why a state is what it is and what happens next, in words. */
export type Reason = {
  /** What is the case: "waiting for db: tcp 5432 refused 14 times". */
  text: string,
  /** What will happen and when: "next try in 2 s". Empty when nothing will. */
  next?: string };

/** How many of the newest. */
export type RecentRequest = {
  /** At most so many, and never over 10,000; 200 unless given. */
  limit?: number };

/** What of the registry. */
export type RegisteredRequest = {
  /** Of this name alone. */
  name?: string,
  /** With all of these tags. */
  tags: Array<string> };

/** What of the registry was asked for. */
export type RegisteredView = {
  /** By name and id; 2,000 at most. */
  entries: Array<RegistryView>,
  /** How many fit. */
  found: number,
  /** How many entries there are in all. */
  total: number,
  /** Why nothing has the name that was asked for. */
  why: string | null };

/** A registry entry. */
export type RegistryView = {
  /** The name it is found by. */
  name: string,
  /** Its id within the name. */
  id: string,
  /** Where it is; empty when it said no address. */
  url: string,
  /** Who says how long it is listed. */
  kept_by: KeptBy,
  /** The cluster of an own one. */
  cluster: ClusterId | null,
  /** What that cluster is called. */
  cluster_name: string | null,
  /** The instance of an own one. */
  instance: InstanceId | null,
  /** What it can be picked by. */
  tags: Array<string>,
  /** Its version, if it says one. */
  version: string | null,
  /** What kind of service it is, if it says so. */
  category: string | null,
  /** The worst of what its checks say. */
  health: Health,
  /** What that check said, when it is not passing. */
  health_why: string | null,
  /** Since when it is listed. */
  since: Timestamp,
  /** When its lease ends unless it sends a heartbeat. */
  expires: Timestamp | null };

/** The account of health checks. */
export type RehearsalChecks = {
  /** Checks that came due while an instance was shown as serving. */
  due: number,
  /** Of these were made, in time. */
  made: number,
  /** Of these fell into a time in which there was no engine to ask, or it stood still. */
  engine_away: number,
  /** Of these were skipped, or came late: none may be. */
  skipped: number };

/** How far a rehearsal has come, and what came of it. */
export type RehearsalMessage = { "kind": "progress",
  /** Which share of it is done, from 0 to 1. */
  done: number } | { "kind": "report",
  /** What it came to. */
  report: RehearsalReport,
  /** So many weaknesses that did less harm are not in the report. */
  left_out: number };

/** What a rehearsal came to. */
export type RehearsalReport = {
  /** The cluster. */
  cluster: string,
  /** The seed; the same one gives the same report. */
  seed: number,
  /** Faults that it was run against: none where nothing goes on running, as they are given to that. */
  faults: number,
  /** Milliseconds that were simulated and counted, of each run. */
  simulated_ms: number,
  /** As it is defined. */
  run: RehearsalRun,
  /** What in the definition did harm, worst first. */
  weaknesses: Array<Weakness>,
  /** With all that is proposed done; `None` when nothing is. */
  mended: RehearsalRun | null };

/** The whole of one run. */
export type RehearsalRun = {
  /** Mean over the services. */
  availability: number,
  /** As for a service, over all. */
  recovery_p50_ms: number | null,
  /** The same. */
  recovery_p99_ms: number | null,
  /** Restarts by healing. */
  restarts: number,
  /** Of these when there was no fault. */
  needless_restarts: number,
  /** Times healing gave up. */
  quarantines: number,
  /** Instances that healing added under load. */
  added: number,
  /** Times a person had to help. */
  helped: number,
  /** Services that did not serve at the end. */
  lost: Array<ServiceName>,
  /** Checks that were made. */
  checks: number,
  /** Health checks of what serves, by whether they were made when they were due. */
  rounds: RehearsalChecks,
  /** One for each, worst first. */
  services: Array<RehearsedService> };

/** What is to be rehearsed: a cluster or a folder, not both. */
export type RehearseRequest = {
  /** A cluster, on the definition it runs on. */
  cluster?: ClusterId,
  /** Or a folder, as its definition is now; an absolute path. */
  folder?: string,
  /** With a cluster: instead of what it runs on, its definition edited to this. */
  text?: string,
  /** How many faults, at most 100,000; 200 unless given. */
  faults?: number,
  /** Which of all possible rehearsals; 1 unless given. The same one gives the same report. */
  seed?: number };

/** How one service fared. */
export type RehearsedService = {
  /** Which. */
  service: ServiceName,
  /** Share of the time it served, with all it uses; 1 is always. */
  availability: number,
  /** Milliseconds it was away in all. */
  away_ms: number,
  /** Of these by reason, most first. */
  reasons: Array<AwayReason>,
  /** Faults it was given. */
  faults: number,
  /** Half of the times it was away for its own faults it was back in so many milliseconds. */
  recovery_p50_ms: number | null,
  /** 99 of 100 times. */
  recovery_p99_ms: number | null,
  /** Times healing restarted it. */
  restarts: number,
  /** Of these when it had no fault of its own. */
  needless_restarts: number,
  /** Times it ran, where it runs by a schedule. */
  runs: number,
  /** Times healing gave up. */
  quarantines: number,
  /** Instances that healing added under load. */
  added: number,
  /** Times a person had to help, ten minutes later. */
  helped: number };

/** One thing that was tried. */
export type Remedy = {
  /** When it was decided. */
  at: Timestamp,
  /** What. */
  kind: RemedyKind,
  /** In words: "restart 2 of 5, after 1 s". */
  detail: string,
  /** What it was tried against, where it is something that can help. */
  cause?: CauseKind,
  /** How often it had helped before, when it was decided. */
  confidence?: Confidence,
  /** The act it was done by. */
  act?: ActId,
  /** What came of it, once that is known. */
  outcome?: RemedyOutcome };

/** What healing can do. */
export type RemedyKind = "restart" | "graceful-restart" | "restart-needs" | "rollback" | "scale-up" | "scale-down" | "circuit-break" | "quarantine";

/** What came of something that was tried. */
export type RemedyOutcome = "worked" | "did_not_help" | "unknown";

/** Which agent may act no more. */
export type RemoveAgentRequest = {
  /** Its name. */
  name: AgentName,
  /** Why, for the book of acts. */
  reason?: string };

/** How large a terminal is to be. */
export type ResizeTerminalRequest = {
  /** In which session. */
  session: number,
  /** How large. */
  size: TerminalSize };

/** Services to restart. */
export type RestartRequest = {
  /** Of which cluster. */
  cluster: ClusterId,
  /** Which; none is all of them. */
  services: Array<ServiceName>,
  /** All instances of a service at the same time, instead of one after another. */
  at_once?: boolean,
  /** Why, for the book of acts. */
  reason?: string };

/** Whose secrets somebody wants to see. */
export type RevealRequest = {
  /** Of which cluster. */
  cluster: ClusterId,
  /** Of which services; none is all of them. */
  services: Array<ServiceName>,
  /** Why, for the book of acts. */
  reason?: string };

/** Leave to see secrets. */
export type RevealedView = {
  /** The act, as it is in the book. */
  act: Act,
  /** What `reveal` of a request for logs or for an environment is to be. It is good for these services, and ends with the engine. */
  key: string,
  /** Until when it is good. */
  until: Timestamp };

/** A service does not run on what its file says. */
export type RolledBack = {
  /** When the definition it runs on was brought up first; `null` when that is not known. */
  to: Timestamp | null,
  /** When it was taken back to that. */
  at: Timestamp,
  /** What went wrong on the newer one: "exited with code 3". */
  why: string,
  /** What the newer one has else, without the values of variables. */
  differs: string };

/** One name and what stands behind it. */
export type RouteView = {
  /** The host it is reached by: "api.shop.localhost". */
  host: string,
  /** The path it is reached by where a client has no names: "/shop/api". */
  prefix: string,
  /** The cluster of a service; `null` for what registered itself. */
  cluster: ClusterId | null,
  /** The service's name, or the one that was registered. */
  name: string,
  /** How an instance is chosen for a request. */
  balance: Balance,
  /** Its instances. */
  backends: Array<BackendView>,
  /** No instance serves, and why. */
  unavailable: Unavailable | null,
  /** What went through it. */
  traffic: Traffic,
  /** Requests that were tried on another instance, since the gateway started. */
  retries: number,
  /** Share of the budget for them that is left, 0 to 1. */
  retry_budget: number };

/** One rule, as people read it. */
export type RuleView = {
  /** Its name in its file. */
  id: string,
  /** What it says, in a sentence. */
  says: string,
  /** It lets in what it is about; else it refuses that, and is stronger than any that lets in. */
  allows: boolean,
  /** With so many approvals it does not hold; `null` when none lift it. */
  approvals: number | null,
  /** The cluster whose folder adds it, for that alone; `null` of the home's. */
  cluster: ClusterId | null };

/** The rules that hold in a home. */
export type RulesView = {
  /** The home's in the order of their file, and then those that projects add. */
  rules: Array<RuleView>,
  /** Where the home's are, or would be. */
  file: string,
  /** The home has none of its own, so the built-in ones hold. */
  built_in: boolean,
  /** Which rules these are: the first half of the SHA-256 of the home's, in hexadecimal digits. Every decision names it. */
  set: string | null,
  /** What is wrong with a file, where, and what holds instead. */
  wrong: Array<string> };

/** Whether ending a process would hurt, as far as can be known. */
export type Safe = "yes" | "look" | "no";

/** A service and a number. */
export type ScaleRequest = {
  /** Of which cluster. */
  cluster: ClusterId,
  /** Which service. */
  service: ServiceName,
  /** How many instances it shall have. */
  replicas: number,
  /** Why, for the book of acts. */
  reason?: string };

/** There are more instances of a service than are defined. */
export type Scaled = {
  /** So many healing has added. */
  added: number,
  /** So many there may be at most. */
  most: number };

/** Where the schedule of a oneshot stands. */
export type Scheduled = {
  /** When it runs next by itself; `null` while nobody wants it. */
  next: Timestamp | null,
  /** Its last run that has ended; `null` before there was one. */
  last: LastRun | null };

/** What to look for, and where. */
export type SearchLogsRequest = {
  /** Of which cluster. */
  cluster: ClusterId,
  /** Whose logs, at most 1,000. */
  instances: Array<InstanceId>,
  /** Not written before. */
  since?: Timestamp,
  /** Not written after. */
  until?: Timestamp,
  /** Lines that hold this regular expression; see `LogsRequest`. */
  grep?: string,
  /** Or this text; see `LogsRequest`. */
  text?: string,
  /** Of these, lines of this level or a higher one. */
  level?: LogLevel };

/** What of security. */
export type SecurityRequest = {
  /** Look first, and do not answer what the last look has found. */
  now?: boolean };

/** The security part of the status: what the monitor knows, without its threats one by one. */
export type SecurityStatus = {
  /** False until it was looked for the first time. */
  known: boolean,
  /** The gravest of what is found. */
  level: ThreatLevel,
  /** How many threats there are. */
  threats: number,
  /** How it stands with the book of acts. */
  ledger: LedgerIntegrity,
  /** When it was last looked; `null` before the first time. */
  last_audit: Timestamp | null,
  /** All of it in words. */
  text: string };

/** What the security monitor knows. */
export type SecurityView = {
  /** The gravest of what is found. */
  level: ThreatLevel,
  /** What is found, the gravest first. */
  threats: Array<Threat>,
  /** How many more there are than are told. */
  more: number,
  /** How it stands with the book of acts. */
  ledger: LedgerIntegrity,
  /** The same, in words. */
  ledger_said: string,
  /** When it was last looked; `null` before the first time. */
  last_audit: Timestamp | null,
  /** CPU time of that look, in milliseconds. */
  cost_ms: number,
  /** What could not be looked at then, in words. */
  blind: Array<string> };

/** A service's name, unique within its cluster. */
export type ServiceName = string;

/** How one service is and has been. */
export type ServiceStatus = {
  /** Its name. */
  service: ServiceName,
  /** Its category. */
  category: string,
  /** The state of the instance that is worst off. */
  state: State,
  /** Why it is in that state, and what next. */
  reason: Reason,
  /** Instances it should have. */
  wanted: number,
  /** Those that serve, or have completed. */
  serving: number,
  /** How often healing started one of them again since a person last started it. */
  restarts: number,
  /** The newest answer to its health probe. */
  last_check: LastCheck | null,
  /** What all of it uses. */
  usage: Usage,
  /** Healing keeps its hands off one of its instances: why, and until when. */
  hold?: Hold,
  /** It was taken back to an older definition. */
  rolled_back?: RolledBack,
  /** Healing has added instances to it, because of its load. */
  scaled?: Scaled,
  /** What goes wrong slowly, as far as it was found. */
  findings: Array<Finding>,
  /** How it has been over the last five minutes, hour, day and week, of all its instances together. */
  windows: Array<Window>,
  /** The same of each instance. */
  instances: Array<InstanceWindows> };

/** One service as defined. */
export type ServiceView = {
  /** Its name. */
  name: ServiceName,
  /** Its category. */
  category: string,
  /** What it needs. */
  needs: Array<ServiceName>,
  /** What is waited for of those of them that need not be ready, or not be there. */
  terms?: { [key in ServiceName]: Terms },
  /** How many instances are wanted. */
  replicas: number,
  /** Up to how many healing may add under load. */
  max_replicas?: number,
  /** A oneshot. */
  oneshot: boolean,
  /** When a oneshot runs by itself, in words: "0 2 * * * (Europe/Berlin)". */
  schedule?: string,
  /** Only a person may stop it. */
  protected: boolean,
  /** It has a terminal, which one can be attached to. */
  tty: boolean,
  /** What is executed, as written. */
  run: string,
  /** By what it is known to have started, in words, if that is asked apart. */
  startup: string | null,
  /** By what it is known to be ready, if that is not its health. */
  ready: string | null,
  /** What its health is asked by, in words: "GET /health every 5 s". */
  health: string | null,
  /** What each instance may use, and what on this machine holds it to that. Empty: all there is. */
  limits: Array<LimitView> };

/** Services of a cluster. */
export type ServicesRequest = {
  /** Of which cluster. */
  cluster: ClusterId,
  /** Which; none is all of them. */
  services: Array<ServiceName>,
  /** Why, for the book of acts. */
  reason?: string };

/** How the engine ends. */
export type ShutdownRequest = {
  /** Services stay for the next engine; false takes every cluster down first. */
  leave_running: boolean,
  /** Why, for the book of acts. */
  reason?: string };

/** The full picture, sent once at the start of every feed. */
export type Snapshot = {
  /** The number the first delta after it follows. */
  seq: number,
  /** The engine. */
  engine: EngineView,
  /** All of the home in one word. */
  overall: Overall,
  /** All clusters. */
  clusters: Array<ClusterView>,
  /** All instances by cluster. */
  instances: { [key in ClusterId]: Array<InstanceStatus> },
  /** Newest measurements by cluster and instance. */
  pulses: { [key in ClusterId]: { [key in InstanceId]: Pulse } },
  /** Connections between services that were seen, by cluster. */
  connections: { [key in ClusterId]: Array<ObservedConnection> },
  /** Incidents, newest first: all open ones and the last 200. */
  incidents: Array<Incident>,
  /** The last 200 events, oldest first. */
  events: Array<Event>,
  /** The registry. */
  registry: Array<RegistryView>,
  /** How many entries the registry has: of many that registered themselves some are shown. */
  registry_total: number,
  /** What no notification is shown of, the widest first. */
  mutes: Array<Mute> };

/** What of Azora's a process is part of. */
export type StackView = {
  /** The home. */
  home: string,
  /** It is the home that was asked. */
  here: boolean,
  /** Which cluster. */
  cluster: ClusterId,
  /** The cluster's folder; `null` when its record cannot be read. */
  folder: string | null,
  /** Which instance. */
  instance: InstanceId,
  /** Which start of it. */
  generation: Generation | null,
  /** Only a person may stop it. */
  protected: boolean,
  /** Services that need it, directly. */
  needed_by: Array<ServiceName>,
  /** Who wanted it to run. */
  origin: Origin | null };

/** Where an instance is in its life. */
export type State = "waiting" | "starting" | "running" | "ready" | "degraded" | "failing" | "recovering" | "quarantined" | "stopping" | "stopped" | "completed" | "scheduled";

/** A home in a few lines. */
export type StatusView = {
  /** Its engine. */
  engine: EngineView,
  /** All of it in one word. */
  overall: Overall,
  /** Its clusters. */
  clusters: Array<ClusterLine> };

/** What an emergency stop would do. */
export type StopPreview = {
  /** Instances that run. */
  instances: number,
  /** Processes in their trees. */
  processes: number,
  /** By cluster: name and instances. */
  clusters: Array<[ClusterName, number]>,
  /** Protected services among them. */
  protected: Array<ServiceName> };

/** What an emergency stop did. */
export type StopReport = {
  /** Processes ended. */
  ended: number,
  /** What is left: pid and command. Empty is the promise. */
  left: Array<[number, string]>,
  /** How long it took, in milliseconds. */
  took_ms: number,
  /** By which means survivors were looked for: "cgroup", "shim descendants", "nonce". */
  looked_by: Array<string>,
  /** Where the plain report was written. */
  report: string | null };

/** A file for whoever helps with a fault. */
export type SupportFile = {
  /** What it is called. */
  name: string,
  /** What it says, without secrets. */
  text: string };

/** How everything of a home is at one moment. */
export type SystemStatus = {
  /** When. */
  at: Timestamp,
  /** All of it in one word. */
  overall: Overall,
  /** Its clusters. */
  clusters: Array<ClusterStatus>,
  /** What is known of its security. */
  security: SecurityStatus };

/** How much of the status. */
export type SystemStatusRequest = {
  /** Only of this cluster. */
  cluster?: ClusterId,
  /** Only of this service, in whichever cluster has it. */
  service?: ServiceName };

/** Whose input to take. */
export type TakeTerminalRequest = {
  /** The session that `attach` began with. */
  session: number,
  /** How large the terminal is to be. */
  size: TerminalSize,
  /** Why, for the book of acts. */
  reason?: string };

/** What it is done to. All `None` is the whole home. */
export type Target = {
  /** Which cluster. */
  cluster: ClusterId | null,
  /** Which services; empty is all of them. */
  services: Array<ServiceName>,
  /** Which single instance. */
  instance: InstanceId | null };

/** How a process ended that had a terminal. */
export type TerminalEnd = {
  /** When. */
  at: Timestamp,
  /** How. */
  status: ExitStatus };

/** What an attached reader is sent. */
export type TerminalMessage = { "kind": "attached",
  /** What this reader is known by: it goes with everything that is typed. */
  session: number,
  /** At which instance. */
  instance: InstanceId,
  /** How it stands. */
  state: TerminalState } | { "kind": "state",
  /** How. */
  state: TerminalState } | { "kind": "output",
  /** What. */
  text: string } | { "kind": "skipped",
  /** Bytes left out. */
  bytes: number };

/** A terminal's size in characters. */
export type TerminalSize = {
  /** Columns, from 2 to 1,000. */
  columns: number,
  /** Rows, from 1 to 500. */
  rows: number };

/** How it stands with a terminal. Everybody who is attached is told. */
export type TerminalState = {
  /** How large it is: as large as who typed last has made it. */
  size: TerminalSize,
  /** Who types. One at a time: who takes the input takes it from whoever has it. */
  writer: TerminalWriter | null,
  /** A process of the service is there. Engines of before did not say. */
  runs: boolean,
  /** How its process ended last, since somebody is attached. */
  ended?: TerminalEnd };

/** Who types at a terminal. */
export type TerminalWriter = {
  /** In which session. */
  session: number,
  /** Through what: "cli", "window", "browser". */
  via: string,
  /** Since when. */
  since: Timestamp };

/** What a need comes to. */
export type Terms = {
  /** How far the other has to be. */
  until: Until,
  /** Without the other it is not started. One that is not required is waited for only as long as it is on its way and nothing has gone wrong with it. */
  required: boolean };

/** Which webhook. */
export type TestWebhooksRequest = {
  /** Its name; each of them unless given. */
  name?: WebhookName,
  /** Why, for the book of acts. */
  reason?: string };

/** One thing that was found. */
export type Threat = {
  /** The same for as long as it is the same thing: its kind and what it is about. */
  id: string,
  /** What kind. */
  kind: ThreatKind,
  /** How grave. */
  level: ThreatLevel,
  /** In which cluster; `null` for what concerns the whole home. */
  cluster: ClusterId | null,
  /** Of which service. */
  service: ServiceName | null,
  /** Of which instance, where it is one's alone. */
  instance: InstanceId | null,
  /** What it is, as one sentence without its full stop. */
  what: string,
  /** What was seen. Never a secret itself. */
  evidence: Array<string>,
  /** What to do about it, as one sentence. */
  todo: string,
  /** When it was found. */
  since: Timestamp,
  /** What was done about it, where anything was. */
  answer?: ThreatAnswer };

/** What was done about a threat, besides telling it. */
export type ThreatAnswer = {
  /** What the settings or the definition ask for. */
  what: Escalation,
  /** The act by which it was done; `null` when it was refused, or could not be done. */
  act: ActId | null,
  /** What was done, or why nothing was, in words. */
  said: string,
  /** When. */
  at: Timestamp };

/** What kind of thing was found. */
export type ThreatKind = "exposed" | "reachable" | "new_listener" | "program_replaced" | "program_deleted" | "program_in_memory" | "script_changed" | "definition_changed" | "writable" | "foreign" | "readable" | "secret_in_environment" | "secret_in_arguments" | "secret_in_log" | "refused_burst" | "ledger_doubted" | "policy_broken" | "other_part" | "known_bad_part";

/** How grave something is, from nothing up. */
export type ThreatLevel = "none" | "low" | "medium" | "high" | "critical";

/** Wall-clock time in milliseconds since the Unix epoch. For people and records, never for waiting. */
export type Timestamp = number;

/** Requests and how they went. Totals are since the gateway started, rates and quantiles over the last 10 s. */
export type Traffic = {
  /** Requests. */
  total: number,
  /** Those of them that failed: answered 5xx, or by no instance at all. */
  failed: number,
  /** Requests a second. */
  per_second: number,
  /** Failed ones a second. */
  failed_per_second: number,
  /** Half of them took no longer, in milliseconds; `null` when there was none. */
  p50_ms: number | null,
  /** All but one of a hundred took no longer. */
  p99_ms: number | null,
  /** Bytes of bodies that clients sent. */
  bytes_in: number,
  /** Bytes of bodies that they were sent. */
  bytes_out: number };

/** What is typed. */
export type TypeTerminalRequest = {
  /** In which session. */
  session: number,
  /** As a terminal sends it: Enter is a carriage return. At most 64 KB. */
  text: string };

/** Why no instance of a route serves. */
export type Unavailable = {
  /** In words. */
  why: string,
  /** Since when. */
  since: Timestamp };

/** What notifications are to be shown of again. */
export type UnmuteRequest = {
  /** Of which cluster; of everything unless given. */
  cluster?: ClusterId,
  /** Which of its services; none is what was muted as a whole. */
  services: Array<ServiceName>,
  /** Why, for the book of acts. */
  reason?: string };

/** How far a needed service has to be. */
export type Until = "started" | "ready" | "ended" | "succeeded";

/** What to bring up. */
export type UpRequest = {
  /** The folder that holds the definition, absolute. */
  folder: string,
  /** The name of the file in it, when not the one that would be found: "Procfile". */
  file?: string,
  /** A person has read what it runs and allows it. Needed once per folder. */
  trust?: boolean,
  /** What makes containers of it as good as root on this machine and a person allows, in the words of `look`. Each is needed once; what is not in the list and was not allowed before is refused. */
  risks?: Array<string>,
  /** The environment of its services; without it the one recorded before, or else the engine's. */
  env?: { [key in string]: string },
  /** Only these services and what they need, whatever their profiles; all others are left as they are. */
  services?: Array<string>,
  /** Only the services of these categories and what they need. */
  categories?: Array<string>,
  /** Services of these profiles, too. */
  profiles?: Array<string>,
  /** Why, for the book of acts. */
  reason?: string };

/** What `up` set in motion. */
export type UpView = {
  /** The cluster. */
  cluster: ClusterId,
  /** The act, to wait for. */
  act: ActId,
  /** What differs from what ran before, in words, and what of this folder runs under other names. */
  changes: Array<string> };

/** What an instance and its whole tree use. */
export type Usage = {
  /** Share of one core, 1.0 is a whole one. */
  cpu: number,
  /** Resident memory in bytes. */
  memory: number,
  /** Processes in the tree. */
  processes: number,
  /** Open files of the process that has most of them; 0 where the kernel does not count them. */
  files: number };

/** One variable of an instance. */
export type VariableView = {
  /** Its name. */
  name: string,
  /** Its value; of a secret a few digits by which equal ones are told from different ones. `null` when it did not get it. */
  value: string | null,
  /** Its value is a secret, and not shown. */
  secret: boolean,
  /** Where it comes from: "terminal", "azora", "azora.toml:12", ".env:3". */
  from: string,
  /** What it would be now, if that is something else. */
  now: NowView | null };

/** What is done. */
export type Verb = "up" | "down" | "start" | "stop" | "restart" | "scale" | "hold" | "unhold" | "autonomy" | "mute" | "unmute" | "release" | "rollback" | "quarantine" | "emergency-stop" | "resume" | "register" | "deregister" | "write-key" | "forget" | "attach" | "test-webhook" | "request" | "shutdown" | "approve" | "deny" | "reveal" | "add-agent" | "remove-agent";

/** What came of one probe. */
export type Verdict = "pass" | "warn" | "fail" | "trouble";

/** A volume that the containers of a cluster keep something in. */
export type VolumeView = {
  /** What its daemon knows it by. */
  name: string,
  /** How many bytes are in it, where that is known. */
  bytes: number | null,
  /** The container that has it, of one that has no name of its own. */
  of: string | null };

/** Whose volumes. */
export type VolumesRequest = {
  /** Which cluster's. */
  cluster: ClusterId };

/** What to wait for. */
export type WaitRequest = {
  /** The act. */
  act: ActId,
  /** At most so long, in milliseconds. Over ten minutes is ten minutes. */
  timeout_ms: number };

/** What came of an act. */
export type WaitView = {
  /** False: the time was over first. */
  settled: boolean,
  /** What did not get where it should, and why. */
  failed: Array<[InstanceId, Reason]> };

/** A weakness that was seen to do harm. */
export type Weakness = {
  /** What. */
  kind: WeaknessKind,
  /** Whose. */
  service: ServiceName,
  /** On account of which other. */
  other?: ServiceName,
  /** What it did, in words. */
  text: string,
  /** The harm: milliseconds away, or events, as the kind has it. */
  harm: number,
  /** The same with all proposals followed. */
  harm_after: number,
  /** What would mend it, where that can be said. */
  proposal?: Proposal };

/** What is weak about a service. */
export type WeaknessKind = "no_readiness" | "no_health" | "shallow_health" | "slow_health" | "touchy_health" | "short_timeout" | "short_patience" | "small_budget" | "long_backoff" | "no_healing" | "protected" | "undeclared_need" | "need_without_restart";

/** A try that failed. */
export type WebhookFailure = {
  /** When. */
  at: Timestamp,
  /** Why, in words. */
  why: string };

/** A webhook's name, unique within the settings of a home. */
export type WebhookName = string;

/** How it stands with a webhook. */
export type WebhookState = "idle" | "sending" | "retrying" | "gone";

/** What a test of a webhook came to. */
export type WebhookTested = {
  /** Which. */
  name: WebhookName,
  /** Where it leads, see [`WebhookView::place`]. */
  place: string,
  /** It was taken. */
  taken: boolean,
  /** What came of it, in words. */
  said: string,
  /** How long it took, in milliseconds. */
  took_ms: number };

/** How it stands with one webhook. */
export type WebhookView = {
  /** Its name in the settings. */
  name: WebhookName,
  /** Where it leads: scheme, host and port, and `/…` where there is more. */
  place: string,
  /** Kinds of events it is sent. */
  events: Array<string>,
  /** Clusters whose events it is sent; empty is all of them. */
  clusters: Array<string>,
  /** How it stands. */
  state: WebhookState,
  /** What that means and what happens next, in words. */
  reason: string,
  /** Events that wait to be delivered. */
  waiting: number,
  /** When the oldest of them happened. */
  oldest: Timestamp | null,
  /** The last one that was taken. */
  delivered: Delivery | null,
  /** What the last try that failed came to. */
  failed: WebhookFailure | null,
  /** When it is tried again; `null` when nothing is to be. */
  next: Timestamp | null,
  /** Events that were never taken: there were too many, or they were too old. */
  lost: number,
  /** Events that the receiver refused for what they say. */
  refused: number };

/** Who asks the gateway. */
export type Whence = "service" | "outside" | "unknown";

/** How something has been over one stretch of time that ends now. */
export type Window = {
  /** How long it is, in milliseconds. */
  span_ms: number,
  /** Health probes that were answered or given up. */
  probes: number,
  /** Those that failed. */
  failed: number,
  /** Half of the probes that passed took no longer, in milliseconds. `null` when none passed. */
  p50_ms: number | null,
  /** Nineteen of twenty took no longer. */
  p95_ms: number | null,
  /** The longest of all took so long. */
  max_ms: number | null,
  /** The share of the time it should have served in which it did, 0 to 1: at least one instance of a service. Time in which a person had stopped it counts for nothing, nor does the start after that if it does not fail, nor time in which no engine was there to see. `null` when there is none else. */
  uptime: number | null };

/** Every command: what it takes, what it answers, whether it only reads. */
export interface Commands {
  /** The engine and its clusters in one word each. */
  status: { kind: "read"; request: Nothing; response: StatusView };
  /** How every service is and has been over the last minutes, hours and days. */
  system_status: { kind: "read"; request: SystemStatusRequest; response: SystemStatus };
  /** The full picture; the feed begins with the same. */
  snapshot: { kind: "read"; request: Nothing; response: Snapshot };
  /** All instances of a cluster. */
  ps: { kind: "read"; request: PsRequest; response: PsView };
  /** What needs what in a cluster, and who was seen to talk to whom. */
  graph: { kind: "read"; request: PsRequest; response: GraphView };
  /** What is in a folder, before it is run. */
  look: { kind: "read"; request: LookRequest; response: FolderView };
  /** Waits until all that an act set in motion has come to rest. */
  wait: { kind: "read"; request: WaitRequest; response: WaitView };
  /** Health and usage of an instance over time. */
  history: { kind: "read"; request: HistoryRequest; response: History };
  /** How long the last health probes of each service of a cluster took, in the last hour. */
  latencies: { kind: "read"; request: LatenciesRequest; response: Latencies };
  /** A page of an instance's log. */
  logs: { kind: "read"; request: LogsRequest; response: LogPage };
  /** A part of one log, or of several in the order of time, around a place. */
  view_logs: { kind: "read"; request: LogViewRequest; response: LogView };
  /** What an instance really got for an environment, and what it would get now. */
  env: { kind: "read"; request: EnvRequest; response: EnvView };
  /** The newest starts of an instance, newest first: where in its log each began, and its first error. */
  log_runs: { kind: "read"; request: LogRunsRequest; response: Array<LogRun> };
  /** Incidents, newest first. */
  incidents: { kind: "read"; request: IncidentsRequest; response: Array<Incident> };
  /** An incident with its timeline. */
  incident: { kind: "read"; request: IncidentRequest; response: IncidentStory };
  /** What healing has done since a time, by service. */
  healed: { kind: "read"; request: HealedRequest; response: Healed };
  /** Events after a number, oldest first; after nothing, the last ones. */
  events: { kind: "read"; request: EventsRequest; response: Array<Event> };
  /** The book of acts, newest first. */
  acts: { kind: "read"; request: RecentRequest; response: Array<Act> };
  /** How it stands with the ledger: how much is in it, how much of that is signed, and what is wrong. */
  ledger: { kind: "read"; request: Nothing; response: LedgerView };
  /** Entries of the ledger after a number, as they are hashed. */
  ledger_entries: { kind: "read"; request: LedgerRequest; response: LedgerEntries };
  /** Checkpoints of the ledger after that of a size, smallest first. */
  ledger_checkpoints: { kind: "read"; request: LedgerRequest; response: Array<LedgerCheckpoint> };
  /** What waits for the approval of persons, and what became of the last that did, newest first. */
  approvals: { kind: "read"; request: Nothing; response: Array<Approval> };
  /** Reads the whole ledger and holds it against what was signed of it. */
  ledger_verify: { kind: "read"; request: Nothing; response: LedgerVerdict };
  /** The rules that hold: who may do what, and what is wrong with their files. */
  rules: { kind: "read"; request: Nothing; response: RulesView };
  /** The programs that act for a person, each with a token of its own; never the tokens. */
  agents: { kind: "read"; request: Nothing; response: Array<Agent> };
  /** Who has a port of this machine, since when, and whether it may be stopped. */
  who: { kind: "read"; request: PortRequest; response: PortView };
  /** The threat level, what was found with its evidence and what to do, and how it stands with the book of acts. */
  security: { kind: "read"; request: SecurityRequest; response: SecurityView };
  /** What of the home's own files helps to understand a fault, without secrets. */
  support: { kind: "read"; request: Nothing; response: Array<SupportFile> };
  /** Where events are sent, and how it stands with each. */
  webhooks: { kind: "read"; request: Nothing; response: Array<WebhookView> };
  /** What the desktop app shows notifications of, and what a person turned off. */
  notifications: { kind: "read"; request: Nothing; response: NotificationsView };
  /** What the definition of a cluster says now, as it lies in its folder. */
  definition: { kind: "read"; request: DefinitionRequest; response: DefinitionView };
  /** What is wrong with an edited definition, or what applying it would do. */
  check_definition: { kind: "read"; request: CheckDefinitionRequest; response: CheckedDefinition };
  /** The volumes of a cluster, and how much is in each. */
  volumes: { kind: "read"; request: VolumesRequest; response: Array<VolumeView> };
  /** What is registered under a name, with some tags, or at all. */
  registered: { kind: "read"; request: RegisteredRequest; response: RegisteredView };
  /** The gateway as it is now: its routes, their instances, who asks what of them, and the last requests. */
  gateway: { kind: "read"; request: GatewayAsked; response: GatewayMessage };
  /** What an emergency stop would end. */
  emergency_preview: { kind: "read"; request: Nothing; response: StopPreview };
  /** Brings a folder's cluster up, or applies its edited definition. */
  up: { kind: "act"; request: UpRequest; response: UpView };
  /** Writes an edited definition in the place of the one that was read, and brings the cluster up on it. */
  apply_definition: { kind: "act"; request: ApplyDefinitionRequest; response: UpView };
  /** Takes a cluster down in reverse order; the volumes that are named go with it, with all that is in them. */
  down: { kind: "act"; request: DownRequest; response: Act };
  /** Starts services and what they need. */
  start: { kind: "act"; request: ServicesRequest; response: Act };
  /** Stops services and what needs them. */
  stop: { kind: "act"; request: ServicesRequest; response: Act };
  /** Stops services and starts them again, one instance after another where others serve meanwhile. */
  restart: { kind: "act"; request: RestartRequest; response: Act };
  /** Changes how many instances a service has. */
  scale: { kind: "act"; request: ScaleRequest; response: Act };
  /** Healing keeps its hands off services; of none named, the whole cluster. */
  hold: { kind: "act"; request: HoldRequest; response: Act };
  /** Healing may act on services again. */
  unhold: { kind: "act"; request: ServicesRequest; response: Act };
  /** Says how far healing goes by itself in a cluster: not at all, up to a proposal, or all the way. */
  autonomy: { kind: "act"; request: AutonomyRequest; response: Act };
  /** Turns notifications off: of services, of a cluster, or of everything. Incidents are written down all the same. */
  mute: { kind: "act"; request: MuteRequest; response: Act };
  /** Turns notifications on again of exactly these. */
  unmute: { kind: "act"; request: UnmuteRequest; response: Act };
  /** Takes services out of quarantine and starts them. */
  release: { kind: "act"; request: ServicesRequest; response: Act };
  /** Brings back what the last stop took down. */
  resume: { kind: "act"; request: HomeRequest; response: Act };
  /** Takes the input of a terminal one is attached to, from whoever has it. */
  take_terminal: { kind: "act"; request: TakeTerminalRequest; response: TerminalState };
  /** Types at a terminal whose input one has. Not written down. */
  type_terminal: { kind: "act"; request: TypeTerminalRequest; response: Nothing };
  /** Makes a terminal whose input one has as large as one's own. */
  resize_terminal: { kind: "act"; request: ResizeTerminalRequest; response: Nothing };
  /** Lets go of the input of a terminal, and looks on. */
  leave_terminal: { kind: "act"; request: LeaveTerminalRequest; response: TerminalState };
  /** Forgets a cluster that is down. */
  forget: { kind: "act"; request: ClusterRequest; response: Act };
  /** Sends a test to one webhook, or to each. */
  test_webhooks: { kind: "act"; request: TestWebhooksRequest; response: Array<WebhookTested> };
  /** Sends a request through the gateway and shows the answer; one that may change something is written down. */
  gateway_try: { kind: "act"; request: GatewayTry; response: GatewayTried };
  /** Approves of an act that waits for persons. */
  approve: { kind: "act"; request: ApprovalRequest; response: Approval };
  /** Says no to one. */
  deny: { kind: "act"; request: ApprovalRequest; response: Approval };
  /** Lets somebody see the secrets in the logs and environments of services, for ten minutes. */
  reveal: { kind: "act"; request: RevealRequest; response: RevealedView };
  /** Gives a program a token of its own, with which it acts as an agent; the answer is the only place where it is told. */
  add_agent: { kind: "act"; request: AddAgentRequest; response: NewAgent };
  /** Takes an agent's token away: it holds at once. */
  remove_agent: { kind: "act"; request: RemoveAgentRequest; response: Act };
  /** Ends every process of every cluster of this home at once. */
  emergency_stop: { kind: "act"; request: HomeRequest; response: StopReport };
  /** Ends the engine; its services are left running or taken down first. */
  shutdown: { kind: "act"; request: ShutdownRequest; response: Nothing };
}

/** Every stream: what it takes, what it sends. */
export interface Streams {
  /** The full picture once, then every change; a reader that falls behind gets the picture again. */
  feed: { request: Nothing; message: FeedMessage };
  /** The last lines of services' logs, then every new one, in batches. */
  follow_logs: { request: FollowLogsRequest; message: Array<LogLine> };
  /** What the terminal of a service shows, and all that comes out of it; who lets go is no longer attached. */
  attach: { request: AttachRequest; message: TerminalMessage };
  /** Counts the lines that hold something in whole logs, and in what is written to them then. */
  search_logs: { request: SearchLogsRequest; message: LogSearch };
  /** Copies what is kept of logs into a file of the home's folder `exports`: how far it is. Whoever lets go before the end leaves no file behind. */
  copy_logs: { request: CopyLogsRequest; message: LogCopy };
  /** The gateway, then once a second what has changed of it and what came through. */
  watch_gateway: { request: GatewayAsked; message: GatewayMessage };
  /** A cluster against simulated faults: how far it is, then the report. Whoever lets go ends it; one at a time. */
  rehearse: { request: RehearseRequest; message: RehearsalMessage };
}
