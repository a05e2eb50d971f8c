// What the simulated home's incidents tell, line by line and summed up.

import type { EntryKind, Healed, HealedSum, Incident, IncidentEntry, Remedy, RemedyKind, ServiceName, Timestamp } from "../../ipc/generated";

/** As the engine says it. */
const took = (ms: number): string => (ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(1)} s`);

/** The story of an incident as it is now. */
export function timeline(incident: Incident): IncidentEntry[] {
  const told: IncidentEntry[] = [];
  const add = (at: Timestamp, kind: EntryKind, text: string, services: ServiceName[] = []): void => {
    told.push({ n: told.length + 1, at, kind, text, services, act: null });
  };
  const { began, cause, impacted, instance, opened, resolved, state } = incident;
  if (incident.began_by === "last_good") {
    for (const n of [1, 2, 3]) add((began ?? opened) + 4_100 * n, "probe", n === 3 ? "GET /health timed out after 1 s" : "GET /health answered 503");
  } else {
    add(began ?? opened, "exit", cause);
  }
  add(opened, "opened", `${cause}; seen ${took(incident.detect_ms ?? 0)} after ${incident.began_by === "exit" ? "the end of its process" : "the last probe that passed"}`);
  if (impacted.length > 0) add(opened, "impact", `${impacted.slice(0, 2).join(", ")}${impacted.length > 2 ? ` and ${impacted.length - 2} more` : ""} suffer from it`, impacted);
  if (incident.began_by === "exit") add(began ?? opened, "log", "PANIC: could not write to file \"pg_wal/xlogtemp.29\": No space left on device");
  for (const action of incident.actions) {
    add(action.at, action.kind === "quarantine" ? "quarantine" : "remedy", action.detail);
    if (action.kind !== "quarantine") add(action.at + 30, "outcome", `${instance.replace(/\.\d+$/, "")} started as pid ${42_000 + told.length} (start ${told.length})`);
  }
  if (state === "quarantined") add(opened + 9_000, "hold", "healing has stopped trying until a person releases it");
  if (resolved !== null) {
    add(resolved, "ended", "serves again (GET /health answered 200)");
    if (impacted.length > 0) add(resolved, "relief", `${impacted.length === 1 ? `${impacted[0]} no longer suffers` : `${impacted.length} services no longer suffer`} from it`, impacted);
  }
  return told;
}

/** What was tried in an incident that ended well after one restart, or in quarantine. */
export function tried(opened: Timestamp, tookMs: number, well: boolean): Remedy[] {
  const restart: Remedy = {
    at: opened + 1_000, kind: "restart", detail: "restart 1 of 5, after 1 s",
    cause: "ended", confidence: { worked: 0, of: 0 }, outcome: well ? "worked" : "did_not_help",
  };
  if (well) return [restart];
  return [
    restart,
    {
      at: opened + 4_000, kind: "restart-needs", detail: "restart what it needs, then it",
      cause: "ended", confidence: { worked: 1, of: 1 }, outcome: "did_not_help",
    },
    { at: opened + tookMs, kind: "quarantine", detail: "budget of 5 restarts in 10 min is used up" },
  ];
}

/** What healing did since then. */
export function healed(incidents: readonly Incident[], since: Timestamp): Healed {
  const mine = incidents.filter((each) => each.opened >= since || each.resolved === null);
  const names = [...new Set(mine.map((each) => `${each.cluster}/${each.service}`))];
  const services = names.map((name) => {
    const of = mine.filter((each) => `${each.cluster}/${each.service}` === name);
    return { cluster: of[0]?.cluster ?? "", service: of[0]?.service ?? "", sum: sum(of) };
  });
  services.sort((a, b) => b.sum.incidents - a.sum.incidents);
  return { from: since, to: Date.now(), total: sum(mine), services };
}

function sum(all: readonly Incident[]): HealedSum {
  const itself = all.filter((each) => each.state === "resolved" && !each.person && each.actions.length > 0);
  const kinds = all.flatMap((each) => each.actions).map((act) => act.kind);
  const count = (...of: RemedyKind[]): number => kinds.filter((kind) => of.includes(kind)).length;
  return {
    incidents: all.length, healed: itself.length, person: all.filter((each) => each.person).length,
    open: all.filter((each) => each.state === "open").length, quarantined: all.filter((each) => each.state === "quarantined").length, restarts: count("restart", "graceful-restart", "restart-needs", "rollback"), quarantines: count("quarantine"), added: count("scale-up"),
    recover_p50_ms: middle(itself.map((each) => each.duration_ms)), longest_ms: all.reduce<number | null>((most, each) => Math.max(most ?? 0, each.duration_ms ?? 0) || most, null),
    detect_p50_ms: middle(all.map((each) => each.detect_ms)),
  };
}

function middle(values: readonly (number | null)[]): number | null {
  const known = values.filter((each) => each !== null).sort((a, b) => a - b);
  return known[Math.floor((known.length - 1) / 2)] ?? null;
}
