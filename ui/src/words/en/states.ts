// The names of states. One state has one name wherever it is said.

import type { IncidentState, Overall, State } from "../../ipc/generated";

export const states = {
  /** Of an instance or a service. */
  service: {
    failing: "Failing",
    quarantined: "Quarantined",
    recovering: "Recovering",
    degraded: "Degraded",
    starting: "Starting",
    running: "Running",
    waiting: "Waiting",
    stopping: "Stopping",
    stopped: "Stopped",
    completed: "Completed",
    scheduled: "Scheduled",
    ready: "Ready",
  } satisfies Record<State, string>,
  /** Of a service that is well itself, and fails because of another. */
  impacted: "Impacted",
  /** Of a cluster, or of all. */
  overall: {
    operational: "Operational",
    starting: "Starting",
    degraded: "Degraded",
    critical: "Critical",
    stopped: "Stopped",
  } satisfies Record<Overall, string>,
  incident: {
    open: "Open",
    quarantined: "Quarantined",
    resolved: "Resolved",
    closed: "Closed",
  } satisfies Record<IncidentState, string>,
};
