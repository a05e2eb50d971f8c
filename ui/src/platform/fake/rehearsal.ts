// A rehearsal of the simulated home: no world is lived through, a report of the same shape and the same
// proportions is drawn from the seed. What is hurt hurts what needs it, as in the real one.

import type { RehearsalMessage, RehearsalReport, RehearsalRun, RehearsedService, RehearseRequest, ServiceName, ServiceView, Weakness } from "../../ipc/generated";
import type { Ended } from "../types";
import { random, seedOf } from "./random";
import type { World } from "./world";

const STEP_MS = 40;
const STEPS = 40;
/** A person helps ten minutes later. */
const HELPED_MS = 600_000;

/** The engine lives through one at a time. */
let under = false;

export function rehearse(world: World, request: RehearseRequest, onMessage: (message: RehearsalMessage) => void, onEnd: (ended: Ended) => void): () => void {
  const { cluster, folder, faults = 200, seed = 1 } = request;
  const found = [...world.clusters.values()].find((each) => each.id === cluster || each.folder === folder);
  const refusal = under
    ? "a rehearsal is under way, and one takes a core of its own; wait for its end, or cancel it"
    : folder !== undefined && found?.name === "real-stack"
      ? "azora.toml:12:1: unknown key `helth`\n   |\n12 | helth = { http = \"/health\" }\n   | ^^^^^ did you mean `health`?"
      : found === undefined
        ? "there is no such cluster"
        : null;
  if (refusal !== null || found === undefined) {
    const timer = setTimeout(() => onEnd({ reason: refusal ?? "" }), STEP_MS);
    return () => clearTimeout(timer);
  }
  under = true;
  let step = 0;
  const stop = (): void => {
    clearInterval(timer);
    under = false;
  };
  const timer = setInterval(() => {
    step += 1;
    if (step < STEPS) onMessage({ kind: "progress", done: step / STEPS });
    else {
      stop();
      onMessage({ kind: "report", report: report(found.name, found.services, faults, seed), left_out: 0 });
    }
  }, STEP_MS);
  return stop;
}

function report(cluster: string, services: readonly ServiceView[], faults: number, seed: number): RehearsalReport {
  const chance = random(seedOf(`${cluster} ${faults} ${seed}`));
  const time = Math.max(1_800_000, faults * 72_000);
  const weaknesses: Weakness[] = [];
  const own = new Map<ServiceName, { reasons: Map<string, number>; faults: number }>();
  for (const { name, needs, protected: kept, health } of services) {
    const reasons = new Map<string, number>();
    const mine = Math.floor(faults / services.length + chance());
    if (mine > 0) reasons.set("being restarted", 900 + chance() * 14_000 * mine).set("starting", 700 + chance() * 4_000 * mine);
    const need = needs[0];
    if (health === null) {
      const harm = Math.round(90_000 + chance() * 400_000);
      reasons.set("hung and not seen", harm);
      weaknesses.push({
        kind: "no_health", service: name, harm, harm_after: 4_200, text: `${name} has no health probe: hangs that nobody saw took ${Math.round(harm / 60_000)} min in all`,
        proposal: { table: `service.${name}`, line: "health = { http = \"/health\" }" },
      });
    } else if (need !== undefined && chance() < 0.13) {
      reasons.set(`stuck on the old ${need}`, HELPED_MS);
      const line = needs.map((each) => (each === need ? `{ service = "${each}", restart = true }` : `"${each}"`)).join(", ");
      weaknesses.push({
        kind: "need_without_restart", service: name, other: need, harm: HELPED_MS, harm_after: Math.round(4_000 + chance() * 30_000),
        text: `if ${name} does not connect anew when ${need} was restarted, it is of no use after that: 10 min in all`,
        proposal: { table: `service.${name}`, line: `needs = [${line}]` },
      });
    } else if (kept && chance() < 0.5) {
      reasons.set("healing may not", HELPED_MS);
      weaknesses.push({
        kind: "protected", service: name, harm: HELPED_MS, harm_after: HELPED_MS,
        text: `${name} is protected, so that hangs of it wait for a person: 10 min in all. That is what it is for; without it healing restarts ${name} like any other`,
      });
    }
    own.set(name, { reasons, faults: mine });
  }
  const before = run(services, own, time, 1, seed);
  weaknesses.sort((a, b) => b.harm - a.harm);
  return { cluster, seed, faults, simulated_ms: time, run: before, weaknesses, mended: weaknesses.length > 0 ? run(services, own, time, 0.08, seed) : null };
}

/** All services, worst first; `left` is how much of what the weaknesses did is left. */
function run(services: readonly ServiceView[], own: ReadonlyMap<ServiceName, { reasons: ReadonlyMap<string, number>; faults: number }>, time: number, left: number, seed: number): RehearsalRun {
  const chance = random(seed);
  const away = new Map<ServiceName, number>();
  const all = services.map(({ name, needs }): RehearsedService => {
    const mine = own.get(name);
    const reasons = [...(mine?.reasons ?? [])].map(([text, ms]) => ({ text, ms: Math.round(ms >= 90_000 ? ms * left : ms) }));
    // In the order of the definitions what is needed comes mostly first.
    for (const need of needs) {
      const ms = Math.round((away.get(need) ?? 0) * 0.7);
      if (ms > 1_000) reasons.push({ text: `without ${need}`, ms });
    }
    reasons.sort((a, b) => b.ms - a.ms);
    const total = Math.min(time, reasons.reduce((sum, each) => sum + each.ms, 0));
    away.set(name, total);
    const helped = reasons.some((each) => each.ms >= HELPED_MS && /^(stuck|healing)/.test(each.text)) ? 1 : 0;
    const hurt = (mine?.faults ?? 0) > 0;
    return {
      service: name, availability: 1 - total / time, away_ms: total, reasons, faults: mine?.faults ?? 0,
      recovery_p50_ms: hurt ? Math.round(900 + chance() * 5_000) : null, recovery_p99_ms: hurt ? (helped > 0 ? HELPED_MS + 3_900 : Math.round(6_000 + chance() * 26_000)) : null,
      restarts: (mine?.faults ?? 0) + helped, needless_restarts: left === 1 && chance() < 0.04 ? 1 : 0, runs: 0, quarantines: 0, added: 0, helped,
    };
  });
  const sum = (of: (one: RehearsedService) => number): number => all.reduce((total, one) => total + of(one), 0);
  const checks = Math.round((time / 5_000) * services.length);
  return {
    availability: sum((one) => one.availability) / Math.max(1, all.length), recovery_p50_ms: left < 1 ? 2_100 : 2_600, recovery_p99_ms: left < 1 ? 31_000 : HELPED_MS + 3_900,
    restarts: sum((one) => one.restarts), needless_restarts: sum((one) => one.needless_restarts), quarantines: 0, added: 0, helped: sum((one) => one.helped), lost: [],
    checks, rounds: { due: checks, made: checks, engine_away: 0, skipped: 0 }, services: all.sort((a, b) => b.away_ms - a.away_ms),
  };
}
