// How the log view fares: a flood into the open view, jumps in a log of gigabytes, searches of one. Prints
// what it measured and the floor beside it; asserts only what no machine should miss.
//
//     AZORA_BIN_DIR=… node tests/e2e/logs-bench.mjs [--seconds 60] [--rate 100000] [--size 5120] [--searched 1024]
//
// `--rate` is lines a second, sizes are megabytes. Needs a built UI, and for figures that mean something
// programs of a release build. The log takes its size on the disk of the temporary folder.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { Home } from "./lib/azora.mjs";
import { open, Page } from "./lib/browser.mjs";
import { until } from "./lib/wait.mjs";

const options = Object.fromEntries(process.argv.slice(2).flatMap((word, at, words) => (word.startsWith("--") ? [[word.slice(2), Number(words[at + 1])]] : [])));
const { seconds = 60, rate = 100_000, size = 5_120, searched = 1_024 } = options;
const MB = 1 << 20;

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
const flood = seconds > 0 ? `[service.flood]\nrun = "${process.execPath} flood.mjs"\nlog = { keep = "64MB" }\n` : "";
fs.writeFileSync(path.join(folder, "azora.toml"), `[cluster]\nname = "flood"\n${flood}[service.large]\nrun = "sleep 100000"\nlog = { keep = "all" }\n`);

const of = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
const summary = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return { count: sorted.length, p50: round(of(sorted, 0.5)), p95: round(of(sorted, 0.95)), p99: round(of(sorted, 0.99)), max: round(sorted.at(-1)) };
};
const round = (value) => Math.round(value * 10) / 10;
const told = { at: new Date().toISOString(), cores: os.cpus().length, load: os.loadavg()[0] };

let browser;
try {
  await home.serve("logs-bench");
  home.azora("up", folder, "--trust", "--detach");
  const [cluster] = fs.readdirSync(path.join(home.path, "clusters"));
  browser = await open();
  const page = await Page.open(browser, home.address());
  await page.page.getByTestId("overall").waitFor();
  const show = async (service) => {
    const [origin] = home.address().split("/#");
    await page.page.goto(`${origin}/service?cluster=${cluster}&service=${service}&tab=logs`);
    await page.page.getByTestId("log-view").waitFor();
  };

  if (seconds > 0) {
    await show("flood");
    await page.page.getByTestId("log-line").first().waitFor();
    const { frames, heap, rows, end } = await page.page.evaluate(
      (ms) =>
        new Promise((resolve) => {
          const frames = [];
          const heap = [];
          let last = performance.now();
          const begun = last;
          let looked = 0;
          const frame = (now) => {
            frames.push(now - last);
            last = now;
            if (now - looked > 1_000) {
              looked = now;
              heap.push(Math.round((performance.memory?.usedJSHeapSize ?? 0) / 1e5) / 10);
            }
            if (now - begun < ms) requestAnimationFrame(frame);
            else resolve({ frames, heap, rows: document.querySelectorAll('[data-testid="log-line"]').length, end: Number(document.querySelector('[data-testid="log-view"]').dataset.end) });
          };
          requestAnimationFrame(frame);
        }),
      seconds * 1_000,
    );
    const length = fs.statSync(path.join(home.path, "logs", cluster, "flood.0", "log")).size;
    told.flood = { seconds, written_mb: round(length / MB), lines_per_second: Math.round(length / 76 / seconds), frame_ms: summary(frames), heap_mb: { first: heap[0], last: heap.at(-1), max: Math.max(...heap) }, rows_in_page: rows, behind_mb: round((length - end) / MB) };
    assert.ok(rows < 200, "only the rows on screen are in the page");
    home.azora("-C", folder, "stop", "flood");
  }

  const log = path.join(home.path, "logs", cluster, "large.0", "log");
  const grow = (to) => {
    const words = ["INFO request", "DEBUG pool: 4 idle", "WARN slow answer from db", "INFO GET /v1/items/42 200"];
    let piece = "";
    for (let n = 0; piece.length < 4 * MB; n += 1) piece += `2026-11-28T10:00:00Z  ${words[n % 4]} id=${((n * 2_654_435_761) >>> 0).toString(16)} took ${n % 977} ms\n`;
    const bytes = Buffer.from(piece);
    const file = fs.openSync(log, "a");
    for (let length = fs.fstatSync(file).size; length < to; length += bytes.length) fs.writeSync(file, bytes);
    fs.writeSync(file, "2026-11-28T10:00:01Z ERROR the needle in the haystack\n");
    fs.closeSync(file);
  };
  const ask = (name, request, kind = "call") =>
    page.page.evaluate(
      async ([name, request, kind]) => {
        const begun = performance.now();
        const answer = await fetch(`/api/${kind}/${name}`, { method: "POST", headers: { "Content-Type": "application/json", Authorization: `Bearer ${sessionStorage.getItem("azora.token")}` }, body: JSON.stringify(request) });
        if (!answer.ok) throw new Error(await answer.text());
        if (kind === "call") return { ms: performance.now() - begun, answer: await answer.json() };
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        let text = "";
        for (;;) {
          const { value, done } = await reader.read();
          text += value ?? "";
          if (done || text.includes('"done":true')) {
            await reader.cancel();
            return { ms: performance.now() - begun, count: Number(/.*"count":(\d+)/s.exec(text)?.[1]) };
          }
        }
      },
      [name, request, kind],
    );

  if (searched > 0) {
    grow(searched * MB);
    await show("large");
    const length = fs.statSync(log).size;
    const floor = () => {
      const begun = performance.now();
      execFileSync("grep", ["-c", "-F", "needle in the haystack", log], { env: { ...process.env, LC_ALL: "C" } });
      return performance.now() - begun;
    };
    floor(); // Into the page cache.
    told.search = { mb: round(length / MB), floor_grep_ms: round(floor()) };
    for (const [name, question] of [
      ["rare_text", { text: "needle in the haystack" }],
      ["no_match", { text: "nowhere to be seen" }],
      ["common_text", { text: "slow answer" }],
      ["pattern", { grep: "took 9[0-9]{2} ms$" }],
      ["errors", { level: "error" }],
    ]) {
      const { ms, count } = await ask("search_logs", { cluster, instances: ["large.0"], ...question }, "stream");
      told.search[name] = { ms: round(ms), count };
    }
  }

  if (size > 0) {
    grow(size * MB);
    await show("large");
    await page.page.getByTestId("log-line").first().waitFor();
    const bar = await page.page.getByTestId("log-bar").boundingBox();
    const jumps = [];
    for (let nth = 0; nth < 40; nth += 1) {
      const share = ((nth * 0.618) % 1) * 0.9 + 0.03;
      // From the press of the button to lines of the new place on screen.
      const ms = await page.page.evaluate(
        ([x, y]) =>
          new Promise((resolve) => {
            const bar = document.querySelector('[data-testid="log-bar"]');
            const first = () => document.querySelector('[data-testid="log-line"]')?.dataset.offset;
            const before = first();
            const begun = performance.now();
            const at = { bubbles: true, button: 0, pointerId: 1, clientX: x, clientY: y };
            bar.setPointerCapture = () => undefined;
            bar.dispatchEvent(new PointerEvent("pointerdown", at));
            bar.dispatchEvent(new PointerEvent("pointerup", at));
            const look = () => (first() !== before ? requestAnimationFrame(() => resolve(performance.now() - begun)) : requestAnimationFrame(look));
            look();
          }),
        [bar.x + bar.width / 2, bar.y + bar.height * share],
      );
      jumps.push(ms);
    }
    const asked = [];
    for (let nth = 0; nth < 40; nth += 1) asked.push((await ask("view_logs", { cluster, instances: ["large.0"], place: { kind: "share", share: (nth * 0.618) % 1 } })).ms);
    told.jump = { mb: round(fs.statSync(log).size / MB), in_the_page_ms: summary(jumps), asked_ms: summary(asked) };
  }
  assert.deepEqual(page.troubles, []);
  console.log(JSON.stringify(told, null, 2));
} finally {
  await browser?.close();
  await home.close();
}
await until("everything to be gone", () => !fs.existsSync(home.path));
