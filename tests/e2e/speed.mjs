// How soon the window can be used after its process starts, and how soon it answers a hand, with the demo
// cluster of 152 services live. Run it with tests/e2e/display; on a release build, a quiet machine, twice.
//
//   tests/e2e/display node tests/e2e/speed.mjs [--starts 10] [--rounds 10]
//
// A start counts from the kernel's own time of the process, which has a grain of 10 ms, to the page's mark
// "azora-usable": the first picture with the engine's word in it. The webview runs under its driver, which
// adds to a start and takes nothing away. A click or a key is a real one, put into the X server: its time
// counts from before that is asked for, to the page's first frame behind the one that has the answer. What
// the screen itself takes is not in it. Prints a table to standard error and JSON to standard output.

import { DEMO, Home } from "./lib/azora.mjs";
import { bench, option, say } from "./lib/bench.mjs";
import { visible } from "./lib/desktop.mjs";
import { startOf, summary } from "./lib/measure.mjs";
import { lives, start } from "./lib/processes.mjs";
import { until } from "./lib/wait.mjs";
import { openWindow } from "./lib/window.mjs";

const STARTS = option("starts", 10);
const ROUNDS = option("rounds", 10);

const now = () => performance.timeOrigin + performance.now();

/** Milliseconds from the process's start to the page's marks. */
async function marks(ui, pid) {
  const began = startOf(pid);
  const at = await until("the page to be usable", () =>
    ui.run(`const mark = performance.getEntriesByName("azora-usable")[0];
      if (!mark) return null;
      const paint = performance.getEntriesByName("first-contentful-paint")[0];
      const at = (time) => performance.timeOrigin + time;
      return { page: at(0), paint: paint ? at(paint.startTime) : null, usable: at(mark.startTime) }`),
  );
  const since = (time) => (time === null ? null : time - began);
  return { page: since(at.page), paint: since(at.paint), usable: since(at.usable) };
}

/** Opens the window so many times; the first is thrown away: caches are cold. */
async function starts(home, services) {
  const all = { page: [], paint: [], usable: [] };
  for (let time = 0; time <= STARTS; time += 1) {
    const ui = await openWindow(home, []);
    const { pid } = await until("the window's engine", () => {
      const { engine } = home.json("status");
      return engine?.api && lives(engine.pid) ? engine : null;
    });
    const one = await marks(ui, pid);
    if (time > 0) for (const [name, value] of Object.entries(one)) if (value !== null) all[name].push(value);
    process.kill(pid, "SIGTERM");
    await until("the app to end", () => !lives(pid));
    await ui.close().catch(() => {});
  }
  return { services, ...Object.fromEntries(Object.entries(all).map(([name, values]) => [name, values.length > 0 ? summary(values) : null])) };
}

/** Hands of this run: one xdotool that is spoken to, so that no process is started in what is measured. */
class Hands {
  #stdin = start("xdotool", ["-"], { log: "/dev/null", talk: true }).stdin;
  constructor(window) {
    this.window = window;
    this.#do(`windowfocus ${window}`);
  }
  #do = (line) => this.#stdin.write(`${line}\n`);
  move = (x, y) => this.#do(`mousemove ${Math.round(x)} ${Math.round(y)}`);
  click = () => this.#do("click 1");
  key = (key) => this.#do(`key --clearmodifiers ${key}`);
}

/** Does something by hand and waits for what `holds` says in the page; how long that took. */
async function answer(ui, hand, holds) {
  // Put into the text: the page's policy forbids making functions of texts.
  await ui.run(
    `window.__answered = null;
     const holds = () => ${holds};
     const after = new MessageChannel();
     after.port1.onmessage = () => (window.__answered = performance.timeOrigin + performance.now());
     const look = () => {
       if (!holds()) return void requestAnimationFrame(look);
       requestAnimationFrame(() => after.port2.postMessage(0));
     };
     requestAnimationFrame(look);`,
  );
  const began = now();
  hand();
  const ended = await until(`the page to answer: ${holds}`, () => ui.run("return window.__answered"), 20_000);
  return ended - began;
}

const home = new Home();
const results = { starts: [], answers: {} };
await bench(home, results, measure, tell);

async function measure() {
  say("starts, nothing runs");
  results.starts.push(await starts(home, 0));
  const folder = home.copy(DEMO);
  let engine = await home.serve("speed-engine");
  home.azora("up", folder, "--trust", "--detach");
  const services = home.ps(folder).instances.length;
  say(`starts, ${services} services run and are taken over`);
  results.starts.push(await starts(home, services));

  const ui = await openWindow(home, []);
  engine = await until("the window's engine", () => home.json("status").engine);
  await until("every service to be ready", () => home.ps(folder).instances.every((one) => one.state === "ready"), 120_000);
  const window = await until("the window", () => visible("Azora"));
  const hands = new Hands(window);
  const shows = (testid) => `document.querySelector("[data-testid='${testid}']") !== null`;
  const title = (name) => `document.querySelector("main").getAttribute("aria-label") === "${name}"`;
  /** Where an element is on the screen; the window has no frame here. */
  const middle = (css) =>
    until(css, () =>
      ui.run(
        `const e = document.querySelector(arguments[0]);
         if (!e) return null;
         const r = e.getBoundingClientRect();
         return r.width > 0 ? [window.screenX + r.x + r.width / 2, window.screenY + r.y + r.height / 2] : null`,
        css,
      ),
    );
  const click = async (css, holds) => {
    hands.move(...(await middle(css)));
    return answer(ui, hands.click, holds);
  };
  const key = (name, holds) => answer(ui, () => hands.key(name), holds);

  const PLACES = ["Services", "Topology", "Incidents", "Registry", "Activity", "Settings", "Clusters"];
  const took = { ...Object.fromEntries(PLACES.map((name) => [`open ${name}`, []])), "open a service": [], "close a service": [], "open the palette": [], "type a letter": [], "close the palette": [] };
  for (let round = 0; round <= ROUNDS; round += 1) {
    const note = (what, ms) => round > 0 && took[what].push(ms);
    for (const name of PLACES) note(`open ${name}`, await click(`[data-testid="place-${name.toLowerCase()}"]`, title(name)));
    await click('[data-testid="place-services"]', title("Services"));
    note("open a service", await click("main table tbody tr:nth-child(4) a, main table tbody tr:nth-child(4) button", shows("panel")));
    note("close a service", await key("Escape", `!(${shows("panel")})`));
    note("open the palette", await key("ctrl+k", "document.querySelector('dialog[open] input') !== null"));
    const typed = "api";
    for (let at = 1; at <= typed.length; at += 1) {
      note("type a letter", await key(typed[at - 1], `document.querySelector('dialog[open] input').value === "${typed.slice(0, at)}"`));
    }
    note("close the palette", await key("Escape", "document.querySelector('dialog[open]') === null"));
  }
  for (const [what, values] of Object.entries(took)) results.answers[what] = summary(values);
  results.answers.all = summary(Object.values(took).flat());
  results.services = services;
  await ui.close().catch(() => {});
}

function tell() {
  for (const one of results.starts) {
    for (const what of ["page", "paint", "usable"]) if (one[what]) say(`  start, ${one.services} services, ${what}: median ${one[what].median} ms, p95 ${one[what].p95} ms, max ${one[what].max} ms (${one[what].n})`);
  }
  for (const [what, one] of Object.entries(results.answers)) say(`  ${what}: median ${one.median} ms, p95 ${one.p95} ms, max ${one.max} ms (${one.n})`);
}
