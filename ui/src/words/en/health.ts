// How things are and have been: the pill over every place, probes, charts and strips.

import type { Outcome, ProbeKind, Verb, Verdict } from "../../ipc/generated";
import { count, number } from "./count";

export const health = {
  overall: {
    ready: (well: number, all: number) => `${number(well)} of ${number(all)} ready`,
    incidents: (n: number) => count(n, { one: "# incident", other: "# incidents" }),
  },
  noInstances: "no instances",

  probes: {
    kinds: { startup: "Startup", ready: "Ready", health: "Health" } satisfies Record<ProbeKind, string>,
    verdicts: { pass: "passed", warn: "passed, degraded", fail: "failed", trouble: "could not be asked" } satisfies Record<Verdict, string>,
    silent: "has not said anything yet",
    askedBy: "Asked by",
    none: "no probe: running is ready",
    noneOfOneshot: "no probe: it has done its work when it ends with code 0",
  },

  charts: {
    label: "Health over time",
    title: "Health",
    range: "Time range",
    zoomed: (from: string, to: string) => `${from} to ${to}`,
    reset: "Reset",
    resetMore: "Reset zoom",
    loading: "loading",
    noPasses: "no probe passed in this time",
    /** Of the probes that passed: "12 ms", "1.3 s"; and of those that failed. */
    summary: (median: string, highest: string, failing: number, all: number) => `median ${median}, highest ${highest}, ${failing === 0 ? "no failed probes" : `failed probes in ${number(failing)} of ${count(all, { one: "# interval", other: "# intervals" })}`}`,
    latencyOf: (instance: string, summary: string) => `Probe latency of ${instance}: ${summary}`,
    cpuOf: (instance: string) => `CPU of ${instance}`,
    memory: "Memory",
    memoryOf: (instance: string) => `Memory of ${instance}`,
    notMeasured: "not measured",
    median: "median",
    highest: "highest",
    failed: "failed",
    noLatency: "none",
    noProbes: "no probes",
    healing: "healing",
    done: "done",
  },

  marks: {
    label: "What was done in this time, newest first",
    healing: (n: number) => `healing acted ${count(n, { one: "once", other: "# times" })}`,
    others: (n: number) => count(n, { one: "# act of others", other: "# acts of others" }),
    byHealing: (what: string) => `healing, ${what}`,
    older: (n: number) => `and ${number(n)} older`,
    /** What was done to an instance, where a chart may show that it was. */
    did: {
      up: "definition applied",
      down: "cluster taken down",
      start: "started",
      stop: "stopped",
      restart: "restarted",
      scale: "scaled",
      hold: "healing held",
      unhold: "healing resumed",
      autonomy: "said how far healing goes",
      release: "released from quarantine",
      rollback: "definition taken back",
      quarantine: "put in quarantine",
      "emergency-stop": "emergency stop",
      resume: "brought back",
    } satisfies Partial<Record<Verb, string>>,
    /** What was done, by whom, and what came of it. */
    outcomes: {
      done: (what: string, who: string) => `${what} by ${who}`,
      pending: (what: string, who: string) => `${what} by ${who}, under way`,
      failed: (what: string, who: string) => `${what} by ${who}, failed`,
      refused: (what: string, who: string) => `${what} by ${who}, refused`,
      overtaken: (what: string, who: string) => `${what} by ${who}, overtaken`,
    } satisfies Record<Outcome["kind"], (what: string, who: string) => string>,
  },

  strips: {
    statesOf: (instance: string) => `${instance} over seven days`,
    states: "states, the worst of each two hours",
    notMeasured: (when: string) => `${when}: nothing was measured`,
    noIncident: (when: string) => `${when}: no incident`,
    incidents: (when: string, n: number, person: number) => `${when}: ${count(n, { one: "# incident", other: "# incidents" })}, ${person > 0 ? `${number(person)} needed a person` : "healed alone"}`,
    unknown: (what: string) => `${what}: nothing is known`,
    well: (what: string, known: number) => `${what}: well in each of ${count(known, { one: "# stretch", other: "# stretches" })} of two hours`,
    /** `last` says when it was, and what. */
    trouble: (what: string, bad: number, known: number, last: string) => `${what}: trouble in ${number(bad)} of ${count(known, { one: "# stretch", other: "# stretches" })} of two hours, last ${last}`,
  },

  windows: {
    label: "Over time",
    of: (service: string) => `How ${service} has been`,
    columns: { last: "Last", uptime: "Uptime", failed: "Failed", max: "Max" },
    uptimeMore: "Of the time it should have served, as far as an engine was there to see",
    failedMore: "Health probes that failed",
    p50More: "Half of the health probes that passed took no longer",
    p95More: "Nineteen of twenty took no longer",
    maxMore: "The longest health probe",
    failedOf: (failed: number, probes: number) => `${number(failed)} of ${number(probes)}`,
    instances: (n: number) => `All ${number(n)} instances together; up while one of them serves.`,
    none: "Nothing was measured in the last week.",
  },
};
