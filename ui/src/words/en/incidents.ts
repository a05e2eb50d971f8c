// Incidents: one with its story, a week of them, and what is taken along of them.

import type { Began, CauseKind, Confidence, EntryKind, RemedyOutcome } from "../../ipc/generated";
import { count } from "./count";

const causes = {
  ended: "when a process had ended",
  not_started: "when a process could not be made",
  not_ready: "when something was not ready in time",
  failing: "when checks failed",
  load: "when something was slow under load",
} satisfies Record<CauseKind, string>;

export const incidents = {
  /** In the middle of a sentence. */
  one: (id: number) => `incident ${id}`,
  export: (what: string) => `Export ${what}`,
  saveAs: (what: string, format: string) => `Save ${what} as ${format}`,
  /** Where an address names one by something else. */
  noNumber: "That is not the number of an incident.",

  detail: {
    title: (id: number) => `Incident ${id}`,
    /** `what` is what must happen next, in the engine's words. */
    waits: (what: string) => `Waits for ${what}`,
    rootCause: "Root cause",
    detected: "Detected",
    timeToDetect: "Time to detect",
    /** From when that is counted. */
    since: {
      exit: "since its process ended",
      last_good: "since its last good probe",
      start: "since it was started",
      seen: "as soon as it was seen",
    } satisfies Record<Began, string>,
    openFor: "Open for",
    timeToRecover: "Time to recover",
    notRecovered: "not recovered",
    acts: "Remedies",
    needed: "Needed",
    aPerson: "a person",
    timeline: "What happened",
    unread: (why: string) => `The timeline cannot be read: ${why}`,
    nothingKept: "Nothing more is kept of it.",
    notKept: (n: number) => count(n, { one: "# line in between is not kept", other: "# lines in between are not kept" }),
    tried: "What was tried",
    /** How often the same has worked against the same before. */
    known: ({ worked, of }: Confidence, cause: CauseKind) => {
      if (of === 0) return "no experience with that here yet";
      if (of === 1) return `${worked === 1 ? "worked" : "did not help"} the one time before ${causes[cause]}`;
      return `worked ${worked} of ${of} times before ${causes[cause]}`;
    },
    outcomes: {
      worked: "It worked",
      did_not_help: "It did not help",
      unknown: "What it would have come to is not known",
    } satisfies Record<RemedyOutcome, string>,
    notYetKnown: "Not known yet",
    impacted: "Impacted",
    noneImpacted: "Nothing else suffered from it.",
  },

  /** What a line of the timeline tells. */
  entries: {
    probe: "Probe",
    exit: "Ended",
    log: "It wrote",
    opened: "Detected",
    remedy: "Remedy",
    outcome: "Outcome",
    hold: "Hold",
    circuit: "Circuit",
    quarantine: "Quarantine",
    release: "Released",
    impact: "Impact",
    relief: "Relief",
    root: "Cause",
    engine: "Engine",
    ended: "Closed",
  } satisfies Record<EntryKind, string>,

  strip: {
    of: (name: string) => `Incidents of ${name} over seven days`,
    what: "incidents",
  },

  week: {
    label: "The last seven days",
    unread: (why: string) => `The week cannot be summed up: ${why}`,
    incidents: "Incidents",
    healed: "Healed alone",
    person: "For a person",
    half: "Median time",
    halfMore: "Half of the incidents were over within this time",
    byService: "By service, last 7 days",
    columns: { service: "Service", incidents: "Incidents", restarts: "Restarts", longest: "Longest" },
    more: (n: number) => `and ${count(n, { one: "# more service", other: "# more services" })}`,
  },

  /** In a document, which stands on its own. */
  document: {
    title: "Incidents",
    of: (id: number, cause: string) => `Incident ${id}: ${cause}`,
    facts: {
      state: "State",
      service: "Service",
      cluster: "Cluster",
      detected: "Detected",
      ended: "Ended",
      detect: "Time to detect",
      took: "Took",
      acts: "Remedies",
      person: "Needed a person",
      waits: "Waits for",
    },
    instance: (service: string, instance: string) => `${service} (${instance})`,
    notYet: "not yet",
    unknown: "unknown",
    notOver: "not over",
    yes: "yes",
    no: "no",
    columns: { incident: "Incident", service: "Service", state: "State", cause: "Cause", detected: "Detected", took: "Took", impacted: "Impacted" },
  },
};
