// Events and acts: what happened, who asked for it, what came of it.

import type { Outcome } from "../../ipc/generated";
import { count, number } from "./count";

export const activity = {
  noActs: "No acts",
  noActsMore: "Every start, stop, restart and emergency stop is written down here with who asked for it.",
  acts: "Acts",
  columns: { no: "No.", when: "When", who: "Who", act: "Act", to: "To", outcome: "Outcome", reason: "Reason" },
  noEvents: "No events",
  noEventsMore: "What happens is listed here as it happens.",
  events: "Events",

  outcomes: {
    pending: "Running",
    done: "Done",
    failed: "Failed",
    refused: "Refused",
    overtaken: "Overtaken",
  } satisfies Record<Outcome["kind"], string>,

  engine: "engine",
  engineStarted: (pid: number, adopted: number) => `started as process ${pid}; ${count(adopted, { one: "adopted # instance", other: "adopted # instances" })}`,
  engineStoppedLeaving: "stopped; services keep running",
  engineStopped: "stopped; nothing runs",
  /** From a state to a state, and why. */
  changed: (from: string, to: string, why: string) => `${from} → ${to}: ${why}`,
  started: (pid: number, generation: number) => `started as process ${pid}, generation ${generation}`,
  adopted: (pid: number) => `found running as process ${pid} and adopted`,
  portMoved: (got: number, wanted: number, holder: string) => `got port ${got}; ${wanted} is held by ${holder}`,
  undeclared: (need: string, place: string) => `talks to ${need} (${place}) and does not declare it: add "${need}" to its needs`,
  scaledUp: (before: number, now: number, why: string) => `healing scaled it up from ${before} to ${now}: ${why}`,
  scaledDown: (before: number, now: number, why: string) => `healing scaled it down from ${before} to ${now}: ${why}`,
  allReady: (services: number, span: string) => `${count(services, { one: "the one service is", other: "all # services are" })} ready after ${span}`,
  healed: (span: string, cause: string) => `healed in ${span}: ${cause}`,
  emergencyStop: (reason: string) => `emergency stop: ${reason}`,
  emergencyStopDone: (reason: string, ended: number, left: number) => `emergency stop: ${reason} (${count(ended, { one: "# process", other: "# processes" })} ended, ${number(left)} left)`,
  incident: (id: number, state: string, cause: string) => `incident ${id} ${state}: ${cause}`,
  approvals: { waiting: "waits", approved: "is approved", used: "was used", denied: "was denied", expired: "is over", withdrawn: "was withdrawn" },
  approval: (id: number, name: string, verb: string, state: string, given: number, needed: number) => `Approval ${id}, asked by ${name} for ${verb}, ${state}: ${given} of ${needed} have approved`,
  decided: (rule: string, says: string) => (says === "" ? `Rule ${rule}` : `Rule ${rule}: ${says}`),
  act: (who: string, verb: string, outcome: string) => `${who}: ${verb} ${outcome}`,
  over: (finding: string) => `over: ${finding}`,
  threat: (what: string) => `security: ${what}`,
  threatOver: (what: string) => `security, over: ${what}`,

  port: (port: number) => `port ${port}`,
  bytes: (n: number) => count(n, { one: "# byte", other: "# bytes" }),
  exited: (code: number) => `exited with code ${code}`,
  endedBy: (signal: string) => `was ended by ${signal}`,
  signal: (number: number) => `signal ${number}`,
  outOfMemory: (end: string, whose: string) => `${end}: out of memory (${whose})`,
  machinesMemory: "the machine's, not its own limit",
  ownLimit: (amount: string) => `limit ${amount}`,
  killed: "was killed by the kernel",
  exitedAfterKill: (code: number) => `exited with code ${code} after the kernel killed a process of it`,
  endedUnknown: "ended with unknown status",

  healing: "healing",
  fileWatch: "file watch",
  securityMonitor: "security monitor",
  client: (via: string) => `client ${via}`,
  agent: (name: string) => `agent ${name}`,
  person: (via: string) => `person, ${via}`,
  everything: "everything",
};
