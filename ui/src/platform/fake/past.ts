// What had happened in the simulated home before somebody looked: its engine and clusters came up some hours ago, people
// and healing have acted since.

import type { Act, ActorKind, EventKind, ServiceName, State, Verb } from "../../ipc/generated";
import { decidedBy } from "./governance";
import type { World } from "./world";

const MINUTE_MS = 60_000;
/** So long ago the clusters came up, each in so many milliseconds. */
const [UP_AGO_MS, UP_MS] = [138 * MINUTE_MS, 9_400];

/** Tells the events and acts of it, oldest first. */
export function past(world: World): void {
  const began = world.began;
  const told: [at: number, tell: () => void][] = [];
  const act = (ago: number, kind: ActorKind, via: string, verb: Verb, cluster: string, services: ServiceName[], detail: string, reason = ""): void => {
    told.push([began - ago, () => {
      const done: Act = { id: world.acts.length + 1, at: began - ago, actor: { kind, via }, verb, target: { cluster, services, instance: null }, reason, outcome: { kind: "done", detail }, decision: decidedBy(kind) };
      world.acts.unshift(done);
      world.tell(cluster, { kind: "act", act: done }, done.at);
    }]);
  };

  let later = 0;
  for (const { id, name, services, overall } of world.clusters.values()) {
    if (overall === "stopped") continue;
    const ago = UP_AGO_MS - later;
    later += 2 * MINUTE_MS;
    act(ago, "person", "terminal", "up", id, [], `${name} is up`);
    told.push([began - ago + UP_MS, () => world.tell(id, { kind: "system_ready", services: services.length, took_ms: UP_MS }, began - ago + UP_MS)]);
  }
  const [first] = world.clusters.values();
  if (first) {
    const double = first.services.find((each) => each.replicas > 1)?.name;
    act(71 * MINUTE_MS, "person", "window", "hold", first.id, [], "healing is held", "moving the database");
    act(64 * MINUTE_MS, "person", "window", "unhold", first.id, [], "healing goes on");
    if (double !== undefined) act(33 * MINUTE_MS, "client", "mcp", "scale", first.id, [double], "2 instances", "more load than one can take");
  }
  for (const { cluster, service, instance, cause, opened, resolved, actions, id, state, duration_ms } of world.incidents) {
    if (state !== "resolved" || opened < began - UP_AGO_MS) continue;
    const event = (at: number, what: EventKind): void => void told.push([at, () => world.tell(cluster, what, at)]);
    const changed = (at: number, from: State, to: State, text: string): void => event(at, { kind: "state_changed", instance, generation: 1, from, to, reason: { text } });
    event(opened, { kind: "exited", instance, generation: 1, status: { kind: "signal", value: 9 } });
    changed(opened, "ready", "recovering", "was ended by SIGKILL");
    const restart = actions[0];
    if (restart) act(began - restart.at, "healer", "", "restart", cluster, [service], restart.detail);
    const back = resolved ?? opened;
    changed(back, "recovering", "ready", "GET /health answered 200");
    event(back, { kind: "service_healed", incident: id, service, instance, cause, remedies: actions.length, took_ms: duration_ms ?? 0 });
  }
  for (const [, tell] of told.sort((a, b) => a[0] - b[0])) tell();
}
