// Prints how fast the topology of 1,000 services and 3,000 lines is, against a blank page: the first picture, and
// the frames while a person zooms and drags and 200 states a second change. In Chromium with software
// rendering, and with a second word also in WebKitGTK:
//
//   npm run bench:topology              both
//   npm run bench:topology -- chromium  one of them
//
// Run it on a machine that does nothing else: it measures what is left for it.

import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { FAKE, launch, serve } from "./harness.mjs";

const SECONDS = 5;
const LIMITS = { median: 17.5, p95: 25, long: 50, first: 1_500 };
const DISPLAY_OF_ITS_OWN = fileURLToPath(new URL("../../tests/e2e/display", import.meta.url));
const MINI_BROWSER = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";

/** Runs in the page; `done` takes what was measured. Frame times while `act` is done in each of them. */
const MEASURE = `
  const [seconds, what, done] = arguments;
  const canvas = document.querySelector('[data-testid="topology-canvas"]');
  const frames = [], blocks = [], long = [];
  try { new PerformanceObserver((list) => long.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask" }); } catch {}
  // A timer that is late by more than a frame was kept waiting by the page itself.
  let beat = performance.now();
  const pulse = setInterval(() => { const now = performance.now(); blocks.push(now - beat - 4); beat = now; }, 4);
  let act = () => {};
  if (what !== "blank") {
    const world = window.__fake.world;
    const cluster = world.snapshot().clusters.find((each) => each.name === "fleet").id;
    const all = [...world.instances.get(cluster).values()];
    const states = ["ready", "degraded", "ready", "failing", "ready", "recovering"];
    const box = canvas.getBoundingClientRect();
    const middle = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2, bubbles: true, cancelable: true };
    canvas.setPointerCapture = () => {};
    let said = 0, began = performance.now(), nth = 0;
    act = (now) => {
      while (what === "changing" && said < ((now - began) / 1000) * 200) {
        const one = all[(said * 7) % all.length];
        one.state = states[said % states.length];
        one.reason = { text: "change " + said };
        world.say({ kind: "instances", cluster, instances: [one] });
        said += 1;
      }
      nth += 1;
      // A second of zooming in, then one of dragging about, then out again, and dragging.
      const second = Math.floor((now - began) / 1000) % 4;
      if (second === 0 || second === 2) canvas.dispatchEvent(new WheelEvent("wheel", { ...middle, deltaY: second === 0 ? -16 : 16 }));
      else {
        const turn = nth / 20;
        const at = { ...middle, clientX: middle.clientX + 120 * Math.cos(turn), clientY: middle.clientY + 90 * Math.sin(turn), pointerId: 1, button: 0, buttons: 1 };
        if (nth % 60 === 1) canvas.dispatchEvent(new PointerEvent("pointerdown", at));
        canvas.dispatchEvent(new PointerEvent("pointermove", at));
        if (nth % 60 === 0) canvas.dispatchEvent(new PointerEvent("pointerup", { ...at, buttons: 0 }));
      }
    };
  }
  const start = performance.now();
  let last = start;
  const frame = (now) => {
    frames.push(now - last);
    last = now;
    act(performance.now());
    if (performance.now() - start < seconds * 1000) requestAnimationFrame(frame);
    else {
      clearInterval(pulse);
      frames.sort((a, b) => a - b);
      blocks.sort((a, b) => a - b);
      done({
        median: frames[frames.length >> 1], p95: frames[Math.floor(frames.length * 0.95)], worst: frames.at(-1), frames: frames.length,
        long: Math.max(0, ...long), longs: long.length, block: blocks.at(-1) ?? 0,
        edges: Number(canvas?.dataset.edges ?? 0), nodes: Number(canvas?.dataset.nodes ?? 0),
      });
    }
  };
  requestAnimationFrame(frame);
`;
const DRAWN = "return window.__azora?.topology?.drawn() ?? null";

/** The two engines, alike to drive. */
async function chromium(work) {
  const browser = await launch();
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  try {
    await work({
      goto: (url) => page.goto(url),
      run: (script) => page.evaluate(`(() => { ${script} })()`),
      measure: (what) => page.evaluate(([script, ...args]) => new Promise((resolve) => new Function(script)(...args, resolve)), [MEASURE, SECONDS, what]).catch(() =>
        // The product's policy forbids making functions of texts; the script is handed over as one then.
        page.evaluate(`new Promise((resolve) => (function () { ${MEASURE} })(${SECONDS}, ${JSON.stringify(what)}, resolve))`)),
    });
  } finally {
    await browser.close();
  }
}

async function webkit(work) {
  const port = await freePort();
  const driver = spawn("WebKitWebDriver", [`--port=${port}`], {
    env: { ...process.env, WEBKIT_DISABLE_DMABUF_RENDERER: "1" }, stdio: "ignore" });
  const base = `http://127.0.0.1:${port}`;
  let session = null;
  try {
    for (const limit = Date.now() + 20_000; ; ) {
      if (await fetch(`${base}/status`).then((answer) => answer.ok, () => false)) break;
      if (Date.now() > limit) throw new Error("WebKitWebDriver does not answer");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const ask = async (path, body, method = "POST") => {
      const answer = await fetch(`${base}${path}`, { method, body: body && JSON.stringify(body), signal: AbortSignal.timeout(120_000) });
      const { value } = await answer.json();
      if (!answer.ok) throw new Error(`${value?.error}: ${value?.message}`);
      return value;
    };
    const opened = await ask("/session", { capabilities: { alwaysMatch: { "webkitgtk:browserOptions": { binary: MINI_BROWSER, args: ["--automation"] } } } });
    session = `/session/${opened.sessionId}`;
    await ask(`${session}/timeouts`, { script: 60_000, pageLoad: 60_000 });
    await ask(`${session}/window/rect`, { x: 0, y: 0, width: 1280, height: 860 });
    await work({
      goto: (url) => ask(`${session}/url`, { url }),
      run: (script) => ask(`${session}/execute/sync`, { script, args: [] }),
      measure: (what) => ask(`${session}/execute/async`, { script: MEASURE, args: [SECONDS, what] }),
    });
    await ask(session, undefined, "DELETE");
    session = null;
  } finally {
    if (session) await fetch(`${base}${session}`, { method: "DELETE" }).catch(() => undefined);
    driver.kill();
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function measured(name, engine) {
  const host = await serve(FAKE);
  try {
    await engine(async (page) => {
      const line = (what, { median, p95, worst, long, longs, block }) =>
        console.log(`${name.padEnd(9)} ${what.padEnd(24)} frame median ${median.toFixed(1)}, p95 ${p95.toFixed(1)}, worst ${worst.toFixed(0)} ms; long tasks ${longs}${longs > 0 ? `, longest ${long.toFixed(0)} ms` : ""}; page blocked at most ${block.toFixed(0)} ms`);
      await page.goto(`${host.origin}/assets/`);
      await page.run("document.documentElement.innerHTML = '<body></body>'");
      line("a blank page", await page.measure("blank"));
      const firsts = [];
      for (let turn = 0; turn < 3; turn += 1) {
        await page.goto(`${host.origin}/topology?fake=1000`);
        firsts.push(await drawn(page));
      }
      const opened = [];
      for (let turn = 0; turn < 3; turn += 1) {
        await page.goto(`${host.origin}/clusters?fake=1000`);
        await until(page, `return document.querySelector('[data-testid^="cluster-card-"]') ? 1 : null`);
        const clicked = await page.run(`document.querySelector('[data-testid="place-topology"]').click(); return performance.now()`);
        opened.push((await drawn(page)) - clicked);
      }
      const words = (all) => all.sort((a, b) => a - b).map((ms) => ms.toFixed(0)).join(", ");
      const still = await page.measure("moving");
      line(`${still.nodes} nodes, ${still.edges} lines`, still);
      const found = await page.measure("changing");
      line("and 200 changes a second", found);
      console.log(`${name.padEnd(9)} first picture            ${words(firsts)} ms after navigation began, ${words(opened)} ms after a click; layout included`);
      const late = [
        found.median > LIMITS.median && "median frame", found.p95 > LIMITS.p95 && "p95 frame", found.long > LIMITS.long && "long task",
        firsts[1] > LIMITS.first && "first picture",
      ].filter(Boolean);
      console.log(`${name.padEnd(9)} ${late.length === 0 ? "all within the limits" : `beyond its limit: ${late.join(", ")}`} (median ${LIMITS.median}, p95 ${LIMITS.p95}, long task ${LIMITS.long}, first picture ${LIMITS.first} ms)`);
    });
  } finally {
    host.close();
  }
}

const drawn = (page) => until(page, DRAWN);
async function until(page, script) {
  for (const limit = Date.now() + 60_000; ; ) {
    const found = await page.run(script);
    if (found !== null && found !== undefined) return found;
    if (Date.now() > limit) throw new Error(`it never came: ${script}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const asked = process.argv[2];
if (asked === undefined || asked === "chromium") await measured("Chromium", chromium);
if (asked === "webkit-here") await measured("WebKitGTK", webkit);
else if (asked === undefined || asked === "webkit") {
  if (existsSync(MINI_BROWSER)) {
    const { status } = spawnSync(DISPLAY_OF_ITS_OWN, [process.execPath, fileURLToPath(import.meta.url), "webkit-here"], { stdio: "inherit" });
    process.exitCode = status ?? 1;
  } else console.log(`WebKitGTK  left out: there is no ${MINI_BROWSER}`);
}
