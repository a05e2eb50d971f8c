// How the log view fares: a flood into the open view, searches of a gigabyte, jumps in a log of many. Prints
// what it measured and its floor beside it, of the same minute; asserts only what no machine should miss.
//
//     AZORA_BIN_DIR=… node tests/e2e/logs-bench.mjs [--seconds 60] [--rate 100000] [--searched 1024] [--size 5120]
//
// `--rate` is lines a second, sizes are megabytes; 0 leaves a part out. Needs a built UI, and for figures that
// mean something programs of a release build. The log takes its size on the disk of the temporary folder.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { Home } from "./lib/azora.mjs";
import { open, Page } from "./lib/browser.mjs";
import { appProcesses, cpuOf, machine, pssOf, summary } from "./lib/measure.mjs";
import { until } from "./lib/wait.mjs";

const options = Object.fromEntries(process.argv.slice(2).flatMap((word, at, words) => (word.startsWith("--") ? [[word.slice(2), Number(words[at + 1])]] : [])));
const { seconds = 60, rate = 100_000, size = 5_120, searched = 1_024 } = options;
const MB = 1 << 20;
/** So long the frames of a view to which nothing is written are counted: the floor. */
const QUIET_S = Math.min(5, seconds);
const LIMIT_MS = 20_000;

/** Writes so many lines a second, numbered, in the pace of a hundredth. */
const FLOOD = `
let [n, begun] = [0, performance.now()];
const go = () => {
  const due = Math.floor(((performance.now() - begun) / 1000) * ${rate});
  let text = "";
  for (; n < due && text.length < 4e6; n += 1) text += "2026-11-28T10:00:00Z  INFO request " + n + " GET /v1/items/42 200 took 12 ms\\n";
  if (text === "" || process.stdout.write(text)) setTimeout(go, 10);
  else process.stdout.once("drain", go);
};
go();`;

const home = new Home();
const folder = path.join(home.path, "src", "flood");
fs.mkdirSync(folder, { recursive: true });
fs.writeFileSync(path.join(folder, "flood.mjs"), FLOOD);
fs.writeFileSync(
  path.join(folder, "azora.toml"),
  `[cluster]\nname = "flood"\n[service.flood]\nrun = "${process.execPath} flood.mjs"\nlog = { keep = "64MB" }\n[service.large]\nrun = "sleep 100000"\nlog = { keep = "all" }\n`,
);
const round = (value) => Math.round(value * 10) / 10;
const told = { machine: machine() };
let browser;
let page;
let cluster;

const logOf = (service) => path.join(home.path, "logs", cluster, `${service}.0`, "log");
/** The last bytes of a file as text. */
function tail(file, length = 4_096) {
  const opened = fs.openSync(file, "r");
  try {
    const { size } = fs.fstatSync(opened);
    const bytes = Buffer.alloc(Math.min(length, size));
    fs.readSync(opened, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString();
  } finally {
    fs.closeSync(opened);
  }
}
const newest = (file) => Number([...tail(file).matchAll(/request (\d+) GET.*\n/g)].at(-1)?.[1] ?? 0);

async function show(service) {
  const [origin] = home.address().split("/#");
  await page.page.goto(`${origin}/service?cluster=${cluster}&service=${service}&tab=logs`);
  await page.page.getByTestId("log-view").waitFor();
}

/** Times between the frames that the page draws, for so long. */
const frames = (ms) =>
  page.page.evaluate(
    (ms) =>
      new Promise((resolve) => {
        const between = [];
        const begun = performance.now();
        let last = begun;
        const frame = (now) => {
          between.push(now - last);
          last = now;
          if (now - begun < ms) requestAnimationFrame(frame);
          else resolve(between.slice(1));
        };
        requestAnimationFrame(frame);
      }),
    ms,
  );

/** What the page, the browser's processes, the engine and the shims hold, in MiB. */
async function memory(among) {
  const heap = await page.page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
  const held = { heap: round(heap / MB) };
  for (const { pid, name } of among) held[name] = round((held[name] ?? 0) + pssOf(pid) / 1024);
  return held;
}

/** The engine, the shims and the browser: all that this run has started. */
function everybody() {
  const { pid } = home.lock();
  const shims = fs.readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && fs.readFileSync(`/proc/${name}/comm`, "utf8").trim() === "azora-shim" && fs.readFileSync(`/proc/${name}/cmdline`, "utf8").includes(home.path);
    } catch {
      return false;
    }
  });
  const browsers = appProcesses(process.pid).filter(({ name }) => /chrom/.test(name));
  return [{ pid, name: "engine" }, ...shims.map((pid) => ({ pid: Number(pid), name: "shims" })), ...browsers.map(({ pid }) => ({ pid, name: "browser" }))];
}

async function flood() {
  await show("large");
  const quiet = summary(await frames(QUIET_S * 1_000));
  home.azora("-C", folder, "start", "flood");
  await show("flood");
  await until("the flood to be on screen", async () => Number(await page.page.getByTestId("log-view").getAttribute("data-end", { timeout: 1_000 })) > 0 || null);
  const log = logOf("flood");
  const among = everybody();
  const cpu = () => Object.fromEntries(["engine", "shims", "browser"].map((kind) => [kind, among.filter(({ name }) => name === kind).reduce((sum, { pid }) => sum + cpuOf(pid), 0)]));
  const [before, first, begun] = [cpu(), newest(log), performance.now()];
  const held = [];
  const behind = [];
  let over = false;
  const counted = frames(seconds * 1_000).finally(() => (over = true));
  const watched = (async () => {
    while (!over) {
      held.push(await memory(among));
      // The page first: what it has not shown by then was written before.
      const end = Number(await page.page.getByTestId("log-view").getAttribute("data-end", { timeout: LIMIT_MS }));
      behind.push(Math.max(0, fs.statSync(log).size - end) / 76);
      // The pace of looking, not a wait for anything: the frames' promise ends it.
      await Promise.race([counted, new Promise((resolve) => setTimeout(resolve, 1_000))]);
    }
  })();
  const between = await counted;
  await watched;
  const [after, last, took] = [cpu(), newest(log), (performance.now() - begun) / 1_000];
  const rows = await page.count("log-line");
  const most = (name) => Math.max(...held.map((each) => each[name] ?? 0));
  told.flood = {
    seconds: round(took),
    lines_per_second: Math.round((last - first) / took),
    frame_ms: summary(between),
    frame_floor_ms: quiet,
    behind_ms: summary(behind.map((lines) => (lines / rate) * 1_000)),
    rows_in_page: rows,
    mib: Object.fromEntries(["heap", "browser", "engine", "shims"].map((name) => [name, { first: held[0][name], last: held.at(-1)[name], max: most(name) }])),
    cpu_percent: Object.fromEntries(Object.keys(after).map((kind) => [kind, Math.round((after[kind] - before[kind]) / took / 10)])),
    kept_mb: round((fs.statSync(log).blocks * 512) / MB),
  };
  assert.ok(rows < 200, "only the rows on screen are in the page");
  home.azora("-C", folder, "stop", "flood");
}

/** Makes the log so large; its last line is one of a kind. */
function grow(to) {
  const words = ["INFO request", "DEBUG pool: 4 idle", "WARN slow answer from db", "INFO GET /v1/items/42 200"];
  let piece = "";
  for (let n = 0; piece.length < 4 * MB; n += 1) piece += `2026-11-28T10:00:00Z  ${words[n % 4]} id=${((n * 2_654_435_761) >>> 0).toString(16)} took ${n % 977} ms\n`;
  const bytes = Buffer.from(piece);
  const file = fs.openSync(logOf("large"), "a");
  for (let length = fs.fstatSync(file).size; length < to; length += bytes.length) fs.writeSync(file, bytes);
  fs.writeSync(file, "2026-11-28T10:00:01Z ERROR the needle in the haystack\n");
  fs.closeSync(file);
}

/** A call or a stream of the engine, from the page; how long until its answer, or its last word, was there. */
const ask = (name, request, kind = "call") =>
  page.page.evaluate(
    async ([name, request, kind]) => {
      const begun = performance.now();
      const answer = await fetch(`/api/${kind}/${name}`, { method: "POST", headers: { "Content-Type": "application/json", Authorization: `Bearer ${sessionStorage.getItem("azora.token")}` }, body: JSON.stringify(request) });
      if (!answer.ok) throw new Error(await answer.text());
      if (kind === "call") return { ms: performance.now() - begun, answer: await answer.json() };
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        const lines = (rest + (value ?? "")).split("\n");
        rest = lines.pop();
        const last = lines.filter((line) => line !== "").map((line) => JSON.parse(line)).find((told) => told.done || told.problem);
        if (last?.problem) throw new Error(last.problem);
        if (last || done) {
          await reader.cancel();
          return { ms: performance.now() - begun, count: last?.count };
        }
      }
    },
    [name, request, kind],
  );

const grep = (...args) => {
  const begun = performance.now();
  try {
    execFileSync("grep", ["-c", ...args, logOf("large")], { env: { ...process.env, LC_ALL: "C" } });
  } catch (error) {
    // It found nothing.
    if (error.status !== 1) throw error;
  }
  return performance.now() - begun;
};

async function search() {
  grow(searched * MB);
  await show("large");
  await page.page.getByTestId("log-line").first().waitFor();
  grep("-F", "x"); // Into the page cache.
  told.search = { mb: round(fs.statSync(logOf("large")).size / MB) };
  for (const [name, question, floor] of [
    ["rare_text", { text: "needle in the haystack" }, ["-i", "-F", "needle in the haystack"]],
    ["no_match", { text: "nowhere to be seen" }, ["-i", "-F", "nowhere to be seen"]],
    ["common_text", { text: "slow answer" }, ["-i", "-F", "slow answer"]],
    ["pattern", { grep: "took 9[0-9]{2} ms$" }, ["-i", "-E", "took 9[0-9]{2} ms$"]],
    ["errors", { level: "error" }, ["-w", "-E", "ERROR|FATAL|error|fatal|panic|exception"]],
    ["text_of_warnings", { text: "slow answer", level: "warn" }, ["-i", "-F", "slow answer"]],
  ]) {
    const { ms, count } = await ask("search_logs", { cluster, instances: ["large.0"], ...question }, "stream");
    told.search[name] = { asked_ms: Math.round(ms), count, grep_ms: Math.round(grep(...floor)) };
  }
  // As a person does it: typed, until the view says how many there are.
  for (const [name, text] of [["rare_text", "needle in the haystack"], ["common_text", "slow answer"]]) {
    const field = page.page.getByLabel("Find in log");
    const begun = performance.now();
    await field.fill(text);
    await until("all to be counted", () => page.page.locator('[data-testid="log-found"][data-done="true"]').filter({ hasText: /found/ }).count().then((count) => count > 0), LIMIT_MS);
    told.search[name].in_the_page_ms = Math.round(performance.now() - begun);
    await field.fill("");
    await page.page.getByTestId("log-found").waitFor({ state: "detached" });
  }
}

/** A press on the scroll bar, until lines of the new place are drawn. */
const jumpTo = ([x, y]) =>
  page.page.evaluate(
    ([x, y, limit]) =>
      new Promise((resolve, reject) => {
        const bar = document.querySelector('[data-testid="log-bar"]');
        const first = () => document.querySelector('[data-testid="log-line"]')?.dataset.offset;
        const before = first();
        const begun = performance.now();
        const at = { bubbles: true, button: 0, pointerId: 1, clientX: x, clientY: y };
        bar.setPointerCapture = () => undefined;
        bar.dispatchEvent(new PointerEvent("pointerdown", at));
        bar.dispatchEvent(new PointerEvent("pointerup", at));
        const look = () => {
          if (first() !== before) requestAnimationFrame(() => resolve(performance.now() - begun));
          else if (performance.now() - begun > limit) reject(new Error(`no other line in ${limit} ms after a press at ${y}`));
          else requestAnimationFrame(look);
        };
        look();
      }),
    [x, y, LIMIT_MS],
  );

async function jump() {
  grow(size * MB);
  await show("large");
  await page.page.getByTestId("log-line").first().waitFor();
  const log = logOf("large");
  const bar = await page.page.getByTestId("log-bar").boundingBox();
  const share = (nth) => ((nth * 0.618) % 1) * 0.9 + 0.03;
  told.jump = { mb: round(fs.statSync(log).size / MB) };
  for (const state of ["from_disk", "from_memory"]) {
    const [jumps, asked] = [[], []];
    for (let nth = 1; nth <= 40; nth += 1) {
      if (state === "from_disk") execFileSync("dd", [`of=${log}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"]);
      jumps.push(await jumpTo([bar.x + bar.width / 2, bar.y + bar.height * share(nth)]));
    }
    for (let nth = 1; nth <= 40; nth += 1) {
      if (state === "from_disk") execFileSync("dd", [`of=${log}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"]);
      asked.push((await ask("view_logs", { cluster, instances: ["large.0"], place: { kind: "share", share: share(nth) } })).ms);
    }
    told.jump[state] = { in_the_page_ms: summary(jumps), asked_ms: summary(asked) };
  }
}

try {
  await home.serve("logs-bench");
  home.azora("up", folder, "--trust", "--detach");
  [cluster] = fs.readdirSync(path.join(home.path, "clusters"));
  home.azora("-C", folder, "stop", "flood");
  browser = await open();
  page = await Page.open(browser, home.address());
  await page.page.getByTestId("overall").waitFor();
  if (seconds > 0) await flood();
  if (searched > 0) await search();
  if (size > 0) await jump();
  assert.deepEqual(page.troubles, []);
} finally {
  told.machine.load_after = machine().load;
  console.log(JSON.stringify(told, null, 2));
  await browser?.close();
  await home.close();
}
