// What the commands of `azora` print with `--json`. From this, and from the types of the engine, `make.mjs`
// makes docs/outputs.schema.json, against which the tests hold everything that they have a command print.

import type {
  Act,
  Agent,
  Approval,
  EnvView,
  Event,
  GatewayRequest,
  GatewayView,
  Healed,
  Incident,
  IncidentStory,
  LogLine,
  NotificationsView,
  PortView,
  RehearsalReport,
  SecurityView,
  WebhookTested,
  WebhookView,
} from "../src/ipc/generated";
import type {
  AgentAdded,
  LedgerEntry,
  LedgerExported,
  LedgerGrown,
  LedgerProof,
  LedgerSigned,
  LedgerVerdict,
  RulesChecked,
  RulesDecided,
  RulesShown,
  RulesTested,
} from "./governance";
import type {
  Check,
  EmergencyStop,
  Graph,
  LogCounts,
  Order,
  Ps,
  Registered,
  Run,
  Stacks,
  Status,
  SupportBundle,
  Waited,
  Written,
} from "./clusters";

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
