// Serves a build as the product does (same content security policy, index.html for every place) and
// opens pages of it in Debian's Chromium.

import { createReadStream, existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2" };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const FAKE = process.env.FAKE_DIST ?? fileURLToPath(new URL("../dist-fake", import.meta.url));

/** Serves `folder` on a free port of loopback. */
export async function serve(folder) {
  const server = createServer(async (request, answer) => {
    const path = normalize(new URL(request.url ?? "/", "http://x").pathname);
    let file = join(folder, path);
    if (!file.startsWith(folder) || !existsSync(file) || (await stat(file)).isDirectory()) file = join(folder, "index.html");
    answer.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream", "Content-Security-Policy": POLICY });
    createReadStream(file).pipe(answer);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return { origin: `http://127.0.0.1:${port}`, close: () => server.close() };
}

export function launch({ more = [], env = {} } = {}) {
  return chromium.launch({
    env: { ...process.env, ...env },
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", ...more,
    ],
  });
}

/** A page that collects everything it complains about in `complaints`. */
export async function open(browser, { width = 1280, height = 800, dark = false, reduced = true, locale, timezone, density = 1 } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: density,
    colorScheme: dark ? "dark" : "light",
    reducedMotion: reduced ? "reduce" : "no-preference",
    ...(locale === undefined ? {} : { locale }),
    ...(timezone === undefined ? {} : { timezoneId: timezone }),
  });
  // A machine that does much else needs more patience than one that does not.
  context.setDefaultTimeout(Number(process.env.PATIENCE_MS ?? 30_000));
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith("http://127.0.0.1") && !request.url().startsWith("data:")) complaints.push(`asked for ${request.url()}`);
  });
  return { page, context, complaints };
}

/**
 * A picture of a page at rest: its letters are there, all that was asked of the simulated host is answered, nothing
 * moves, and two pictures in a row are the same. A page that never rests is taken as it is, and that is said.
 */
export async function rest(page, limit = 15_000) {
  const deadline = Date.now() + limit;
  let last = Buffer.alloc(0);
  for (;;) {
    const still = await page.evaluate(async () => {
      await document.fonts.ready;
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      const moves = document.getAnimations().some((each) => each.playState === "running" && each.effect?.getComputedTiming().iterations !== Infinity);
      return window.__fake.answering() === 0 && !moves;
    });
    const taken = await page.screenshot();
    if (still && taken.equals(last)) return taken;
    last = taken;
    if (Date.now() > deadline) {
      console.log(`${page.url()} does not come to rest; its picture is of the moment`);
      return taken;
    }
  }
}
