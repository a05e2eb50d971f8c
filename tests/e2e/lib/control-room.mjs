// What a person does in the window, told once for every host that shows it. `ui` has the verbs of
// webdriver.mjs and browser.mjs; `home` is where the engine's own word comes from, so that what the
// page says is held against what is.

import { lives, signal } from "./processes.mjs";
import { until } from "./wait.mjs";

/** Longest a debug build may take to bring 150 services up on two cores. */
const UP = 180_000;

/** Waits until every instance is ready, by the engine's word and on the page. */
export async function ready(ui, home, folder) {
  const instances = await until(
    "every instance to be ready",
    () => {
      const { instances } = home.ps(folder);
      const waiting = instances.filter((one) => !["ready", "completed"].includes(one.state));
      if (instances.length === 0) throw new Error("no instances");
      if (waiting.length > 0) throw new Error(`${waiting.length} of ${instances.length} not yet, first: ${JSON.stringify(waiting[0])}`);
      return instances;
    },
    UP,
  );
  await ui.text("overall", (text) => /operational/i.test(text));
  return instances;
}

/** Rehearses the running cluster and holds what the page shows against what `azora rehearse` says. */
export async function rehearse(ui, home, folder) {
  const [faults, seed] = ["20", "3"];
  const { run, weaknesses } = home.json("rehearse", folder, "--faults", faults, "--seed", seed);
  await ui.click("place-topology");
  await ui.click("rehearse-open");
  for (const [field, value] of [["rehearsal-faults", faults], ["rehearsal-seed", seed]]) await ui.fill(field, value);
  await ui.click("rehearsal-run");
  await ui.text("rehearsal-result", (text) => text.includes(`against ${faults} faults`) && text.includes(`seed ${seed}`), 120_000);
  const shown = await ui.run(
    `const rows = document.querySelectorAll("[data-testid='rehearsal-findings'] > li");
     return [...rows].map((row) => row.dataset.service + " " + row.dataset.kind)`,
  );
  const wanted = weaknesses.slice(0, shown.length).map((one) => `${one.service} ${one.kind}`);
  if (shown.length === 0 || shown.join() !== wanted.join()) throw new Error(`the page finds ${shown}, the command ${wanted}`);
  const weak = new Set(weaknesses.map((one) => one.service));
  await until("the weak spots to be marked on the topology", async () => {
    const marked = await ui.run(`return window.__azora.topology.nodes().filter((node) => node.state === "weak spot").map((node) => node.name)`);
    if (marked.length !== weak.size || marked.some((name) => !weak.has(name))) throw new Error(`marked are ${marked}`);
    return true;
  });
  return `${weaknesses.length} weaknesses of ${weak.size} services, ${(run.availability * 100).toFixed(1)} % available`;
}

/** Clicks a service's node in the picture, where the picture itself says that it is drawn. */
export async function clickNode(ui, service) {
  await ui.click("place-topology");
  const at = await until(`a node for ${service}`, () =>
    ui.run(
      `const topology = window.__azora && window.__azora.topology;
       const canvas = document.querySelector("[data-testid='topology-canvas']");
       if (!topology || !canvas) return null;
       const node = topology.nodes().find((node) => node.name === arguments[0]);
       const box = canvas.getBoundingClientRect();
       if (node && node.x > box.left && node.x < box.right && node.y > box.top && node.y < box.bottom) return [node.x, node.y];
       topology.fit();
       return null`,
      service,
    ),
  );
  await ui.press(at[0], at[1]);
  await ui.text("panel", (text) => text.includes(service));
}

/** The chart in the panel is drawn anew as time goes by. */
export async function chartMoves(ui) {
  const drawn = () =>
    ui.run(`
      const chart = document.querySelector("[data-testid='health-chart']");
      if (!chart) return null;
      const canvases = [...chart.querySelectorAll("canvas")];
      if (canvases.length === 0 || canvases.some((canvas) => canvas.width === 0)) return null;
      return canvases.map((canvas) => canvas.toDataURL()).join(" ")`);
  const first = await until("the health chart to be drawn", drawn);
  await until("the health chart to move", async () => {
    const now = await drawn();
    return now !== null && now !== first;
  });
}

/** The log in the panel goes on by itself. */
export async function logMoves(ui) {
  await ui.click("tab-logs");
  const last = () =>
    ui.run(`
      const lines = [...document.querySelectorAll("[data-testid='log-line']")];
      return lines.length > 0 ? lines.at(-1).textContent : null`);
  const first = await until("a line of the log", last);
  await until("the log to go on", async () => {
    const now = await last();
    return now !== null && now !== first;
  });
}

/** Ends a service's process as nobody should, and waits until another one is ready in its place. */
export async function killAndHeal(home, folder, service) {
  const before = home.instance(folder, service);
  if (!signal(before.pid, "SIGKILL")) throw new Error(`${service} had no process ${before.pid}`);
  const after = await until(`${service} to be ready again`, () => {
    const now = home.instance(folder, service);
    return now.state === "ready" && now.pid !== before.pid ? now : null;
  });
  if (lives(before.pid)) throw new Error(`the old process ${before.pid} lives`);
  return { before, after };
}

/** Exactly one incident for the service, with cause, action and duration. */
export function oneIncident(home, service) {
  const all = home.json("incidents");
  const own = (all.incidents ?? all).filter((incident) => incident.service === service);
  if (own.length !== 1) throw new Error(`${own.length} incidents of ${service}: ${JSON.stringify(own)}`);
  const [incident] = own;
  if (incident.state !== "resolved" || !incident.cause || incident.actions.length === 0 || incident.duration_ms === null) {
    throw new Error(`not a whole story: ${JSON.stringify(incident)}`);
  }
  return incident;
}

/** Presses the emergency stop, reads its consequences, holds, and reads what is left. */
export async function emergencyStop(ui, running, look = async () => {}) {
  await ui.click("emergency-open");
  // The button moves down when the consequences come, and a hold that slips off does not count.
  await ui.text("emergency-dialog", (text) => /This ends|Nothing of Azora runs/.test(text));
  await look();
  // Press and hold: 1.2 s, and some for a slow machine.
  await ui.pressOn("emergency-confirm", 2_500);
  const result = await ui.text("emergency-result", (text) => /\b0\s+(processes\s+)?left\b/i.test(text), 60_000);
  const left = running.filter((instance) => instance.pid && lives(instance.pid));
  if (left.length > 0) throw new Error(`the page says "${result}", but ${left.length} processes live`);
  return result;
}
