// What the app and its web processes hold in memory, as PSS, with the demo cluster of 152 services live,
// while somebody works in the window; whether that grows; and what a hidden window costs. Run it with
// tests/e2e/display, on a release build.
//
//   tests/e2e/display node tests/e2e/memory.mjs [--minutes 60] [--every 10]
//
// A round goes through every place, opens a service and its tabs, scrolls its log, searches, opens and closes
// the palette. After each the memory is read, at most every so many seconds. The first fifth of the time is
// warming up. The slope is Theil and Sen's, in KiB an hour. The shims, one per service, are no part of the app
// and are told apart. Prints a table to standard error and JSON to standard output.

import { DEMO, Home, program } from "./lib/azora.mjs";
import { bench, option, say } from "./lib/bench.mjs";
import { Tray, visible } from "./lib/desktop.mjs";
import { appProcesses, cpuOf, percentile, pssOf, pssOfAll, slope, whereOf } from "./lib/measure.mjs";
import { naming, run } from "./lib/processes.mjs";
import { until } from "./lib/wait.mjs";
import { openWindow } from "./lib/window.mjs";
import { close } from "./lib/x11.mjs";

const MINUTES = option("minutes", 60);
const EVERY = option("every", 10);
/** No wait for anything: the time over which CPU is counted, and the pace of the work whose memory is measured. */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const home = new Home();
const results = { minutes: MINUTES, samples: [] };
await bench(home, results, measure, tell);

async function measure() {
  // A panel, so that closing hides the window.
  await Tray.open();
  const folder = home.copy(DEMO);
  const ui = await openWindow(home, ["--trust", folder]);
  await until("every service to be ready", () => home.ps(folder).instances.every((one) => one.state === "ready"), 180_000);
  const { pid } = home.json("status").engine;
  results.services = home.ps(folder).instances.length;

  const sample = () => {
    const parts = {};
    for (const { pid: one, name } of appProcesses(pid)) parts[name] = (parts[name] ?? 0) + pssOf(one);
    return { kib: Object.values(parts).reduce((sum, kib) => sum + kib, 0), parts };
  };
  /** CPU of the app and of its web processes over some seconds, in percent of one core. */
  const cpu = async (seconds) => {
    const used = () => Object.fromEntries(appProcesses(pid).map(({ pid: one, name }) => [`${name} ${one}`, cpuOf(one)]));
    const before = used();
    const began = performance.now();
    await pause(seconds * 1000);
    const took = performance.now() - began;
    const percent = {};
    for (const [name, ms] of Object.entries(used())) {
      const short = name.split(" ")[0];
      percent[short] = (percent[short] ?? 0) + (100 * (ms - (before[name] ?? ms))) / took;
    }
    return Object.fromEntries(Object.entries(percent).map(([name, value]) => [name, Math.round(value * 10) / 10]));
  };

  await ui.click("place-topology");
  results.cpu_shown = await cpu(20);
  await close(visible("Azora"));
  await until("the window to be hidden", () => visible("Azora") === null);
  await until("its feed to end", () => ui.run("return document.querySelector('[data-feed]').dataset.feed === 'asleep'"), 90_000);
  results.cpu_hidden = await cpu(20);
  // A second start brings it back.
  run(program("azora-desktop"), [], { env: home.env });
  await until("the window to be back", () => visible("Azora") !== null);

  const round = async (number) => {
    for (const name of ["topology", "services", "incidents", "registry", "activity", "settings", "clusters", "services"]) {
      await ui.click(`place-${name}`);
      await pause(200);
    }
    await ui.run(
      `const rows = document.querySelectorAll("main table tbody tr");
       const row = rows[arguments[0] % rows.length];
       row.querySelector("a, button").click();`,
      number,
    );
    await ui.text("panel");
    const tabs = await ui.run("return document.querySelectorAll('[data-testid=panel] [role=tab]').length");
    for (let at = 0; at < tabs; at += 1) {
      await ui.run("document.querySelectorAll('[data-testid=panel] [role=tab]')[arguments[0]]?.click()", at);
      await pause(200);
    }
    await ui.run("for (const e of document.querySelectorAll('[data-testid=panel] *')) if (e.scrollHeight > e.clientHeight + 200) e.scrollTop = e.scrollTop > 0 ? 0 : e.scrollHeight");
    await ui.key("Escape");
    await pause(100);
  };

  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 60_000;
  let next = 0;
  for (let number = 0; elapsed() < MINUTES; number += 1) {
    await round(number);
    if (performance.now() < next) continue;
    next = performance.now() + EVERY * 1000;
    results.samples.push({ minute: Math.round(elapsed() * 100) / 100, ...sample() });
    const last = results.samples.at(-1);
    if (results.samples.length % 6 === 1) say(`  ${last.minute.toFixed(1)} min: ${Math.round(last.kib / 1024)} MiB ${JSON.stringify(last.parts)}`);
  }
  const warm = results.samples.filter((one) => one.minute >= MINUTES / 5);
  results.median_mib = Math.round(percentile(warm.map((one) => one.kib), 50) / 1024);
  results.max_mib = Math.round(Math.max(...warm.map((one) => one.kib)) / 1024);
  results.slope_kib_an_hour = warm.length > 1 ? Math.round(slope(warm.map((one) => [one.minute / 60, one.kib]))) : null;
  results.where = appProcesses(pid).map(({ pid: one, name }) => ({ name, ...whereOf(one) }));
  results.shims = pssOfAll("azora-shim", naming(home.path));
  await ui.close().catch(() => {});
}

function tell() {
  say(`  ${results.services} services, ${MINUTES} minutes: median ${results.median_mib} MiB, max ${results.max_mib} MiB, slope ${results.slope_kib_an_hour} KiB an hour`);
  for (const { name, ...where } of results.where ?? [])
    say(`  ${name}: ${Object.entries(where).slice(0, 6).map(([file, kib]) => `${file} ${Math.round(kib / 1024)}`).join(", ")} MiB`);
  say(`  CPU shown ${JSON.stringify(results.cpu_shown)} %, hidden ${JSON.stringify(results.cpu_hidden)} %; shims ${JSON.stringify(results.shims)}`);
}
