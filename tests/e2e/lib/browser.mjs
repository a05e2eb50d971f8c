// Chromium through Playwright, with the same few verbs as the real window has in webdriver.mjs, so
// that one story is told in both.

import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";
import { ROOT } from "./azora.mjs";
import { until } from "./wait.mjs";

// The UI's own development dependencies; the tests bring none.
const require = createRequire(path.join(ROOT, "ui/package.json"));
const { chromium } = require("playwright-core");
const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Opens Chromium, with more on its command line if need be; nothing of it reaches beyond this machine. */
export async function open(more = []) {
  const executablePath = process.env.CHROMIUM ?? CHROMIUM.find((file) => fs.existsSync(file));
  if (!executablePath) throw new Error("no Chromium; run scripts/setup --tests");
  return chromium.launch({
    executablePath,
    args: [
      // Chromium's sandbox refuses to run as root.
      ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-component-update",
      ...more,
    ],
  });
}

/** One page of the UI, with everything that went wrong in it. */
export class Page {
  troubles = [];

  constructor(page) {
    this.page = page;
    page.on("console", (said) => {
      if (said.type() === "error") this.troubles.push(`console: ${said.text()}`);
    });
    page.on("pageerror", (error) => this.troubles.push(`error: ${error.message}`));
    page.on("request", (request) => {
      const url = new URL(request.url());
      const inside = ["127.0.0.1", "localhost"].includes(url.hostname) || ["data:", "blob:"].includes(url.protocol);
      if (!inside) this.troubles.push(`request to ${url.origin}`);
    });
  }

  static async open(browser, address, { scheme = "light", width = 1280, height = 800, scale = 1 } = {}) {
    const context = await browser.newContext({
      colorScheme: scheme,
      viewport: { width, height },
      deviceScaleFactor: scale,
      reducedMotion: "reduce",
    });
    const page = new Page(await context.newPage());
    await page.page.goto(address);
    return page;
  }

  /** Another tab of the same browser: they share its connections. */
  async tab(address) {
    const tab = new Page(await this.page.context().newPage());
    await tab.page.goto(address);
    return tab;
  }

  close() {
    return this.page.context().close();
  }

  /** Runs a function's body in the page; as text, because the page's policy forbids `Function`. */
  run(script, ...args) {
    return this.page.evaluate(`(function () { ${script} }).apply(null, ${JSON.stringify(args)})`);
  }

  url() {
    return Promise.resolve(this.page.url());
  }

  text(testid, accept = () => true, limit = 30_000) {
    return until(
      `[${testid}] to be there and right`,
      async () => {
        const text = await this.page.getByTestId(testid).first().innerText({ timeout: 1_000 });
        if (!accept(text)) throw new Error(`[${testid}] says "${text}"`);
        return text;
      },
      limit,
    );
  }

  count(testid) {
    return this.page.getByTestId(testid).count();
  }

  click(testid) {
    return this.page.getByTestId(testid).first().click({ timeout: 30_000 });
  }

  fill(testid, value) {
    return this.page.getByTestId(testid).first().fill(value, { timeout: 30_000 });
  }

  async press(x, y, held = 30) {
    await this.page.mouse.move(x, y);
    await this.page.mouse.down();
    await this.page.waitForTimeout(held);
    await this.page.mouse.up();
  }

  async pressOn(testid, held) {
    const element = this.page.getByTestId(testid).first();
    await element.scrollIntoViewIfNeeded({ timeout: 30_000 });
    const box = await element.boundingBox();
    await this.press(box.x + box.width / 2, box.y + box.height / 2, held);
  }

  screenshot() {
    return this.page.screenshot();
  }

  /** What axe-core finds against WCAG 2.2 AA; throws with all of it. */
  async accessible() {
    // Through the debugger: the page's own policy forbids added scripts, as it should.
    const findings = await this.page.evaluate(`(async () => {
      const module = undefined, exports = undefined, define = undefined;
      ${AXE}
      const found = await axe.run(document, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      });
      return found.violations.map((v) => v.id + " (" + v.impact + "): " + v.help + "\\n"
        + v.nodes.slice(0, 5).map((n) => "  " + n.target.join(" ") + ": " + n.failureSummary).join("\\n"));
    })()`);
    if (findings.length > 0) throw new Error(findings.join("\n"));
  }
}
