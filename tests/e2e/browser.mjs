// The UI in Chromium against a headless engine with the demo cluster: what the window shows, without
// the window, and with axe-core looking over every place in light and dark.

import fs from "node:fs";
import path from "node:path";
import { DEMO, Home, OUT } from "./lib/azora.mjs";
import { open, Page } from "./lib/browser.mjs";
import * as room from "./lib/control-room.mjs";
import { endAll } from "./lib/processes.mjs";
import { Story } from "./lib/story.mjs";
import { until } from "./lib/wait.mjs";

const CLICKED = "api-gateway";
const KILLED = "elara-core";

await Story.tell("the UI in Chromium against a headless engine", 600_000, async (story) => {
  const home = new Home();
  story.afterwards(() => home.close());
  story.afterwards(endAll);
  const folder = home.copy(DEMO);
  // Nobody listens on the port that is for discarding.
  fs.writeFileSync(path.join(home.path, "settings.toml"), '[webhook.pager]\nurl = "http://127.0.0.1:9/hook"\n');
  let ui;
  let dark;

  await story.step("an engine starts without a window", () => home.serve("browser-engine").then(() => {}));

  const browser = await open();
  story.afterwards(() => browser.close());
  story.onFailure(async () => {
    if (!ui) return;
    fs.writeFileSync(path.join(OUT, "browser-failed.png"), await ui.screenshot());
    if (ui.troubles.length > 0) console.log(`        the page said: ${ui.troubles.join("; ")}`);
  });

  await story.step("the page opens with its token, and the token leaves the address bar", async () => {
    ui = await Page.open(browser, home.address());
    dark = await Page.open(browser, home.address(), { scheme: "dark" });
    await ui.text("overall");
    const url = await ui.url();
    if (url.includes("token")) throw new Error(`the address bar shows ${url}`);
  });

  await story.step("a page without the token sees nothing", async () => {
    const stranger = await Page.open(browser, home.address().replace(/#.*/, ""));
    await until("it to say that it may not", async () =>
      /token/i.test(await stranger.page.locator("body").innerText()),
    );
    await stranger.close();
  });

  await story.step("the empty state has no findings of axe-core, light and dark", async () => {
    await ui.accessible();
    await dark.accessible();
  });

  let instances;
  await story.step("the demo cluster comes up and the page says so", async () => {
    home.azora("up", folder, "--trust", "--detach");
    instances = await room.ready(ui, home, folder);
    return `${instances.length} instances`;
  });

  await story.step("a click on a node opens its panel", () => room.clickNode(ui, CLICKED));
  await story.step("the health chart moves", () => room.chartMoves(ui));
  await story.step("the log goes on", () => room.logMoves(ui));
  await story.step("seven more tabs of the browser all show the log go on, and answer", async () => {
    // A browser has six HTTP connections for a host, and each tab hears the feed and follows a log.
    const address = `${await ui.url()}#${home.address().split("#")[1]}`;
    const tabs = await Promise.all(Array.from({ length: 7 }, () => ui.tab(address)));
    await Promise.all(tabs.map((tab) => room.logMoves(tab)));
    // Asked of the engine, not heard by the feed.
    await Promise.all(tabs.map((tab) => tab.click("log-first-error")));
    await Promise.all(tabs.map((tab) => until("an answer", () => tab.run(`return document.querySelector("[data-testid='log-note'], .pointed") !== null`))));
    const troubles = tabs.flatMap((tab) => tab.troubles);
    if (troubles.length > 0) throw new Error(troubles.join("\n"));
    await Promise.all(tabs.map((tab) => tab.page.close()));
  });
  await story.step("the panel and the topology have no findings of axe-core, light and dark", async () => {
    await ui.accessible();
    await dark.page.goto(await ui.url());
    await dark.text("panel", (text) => text.includes(CLICKED));
    await dark.accessible();
  });

  await story.step("a killed service is healed, with one incident on record", async () => {
    const { before, after } = await room.killAndHeal(home, folder, KILLED);
    const incident = await until("the incident to be over", () => room.oneIncident(home, KILLED));
    return `pid ${before.pid} → ${after.pid} in ${incident.duration_ms} ms`;
  });

  await story.step("a rehearsal of what runs finds what the command finds, and marks it on the topology", async () => {
    const found = await room.rehearse(ui, home, folder);
    await ui.accessible();
    await dark.page.goto(await ui.url());
    await dark.text("rehearsal");
    await dark.accessible();
    return found;
  });

  await story.step("settings say that a webhook is not reached, and why a test was not taken", async () => {
    await ui.click("place-settings");
    await ui.text("webhook-pager", (text) => /retrying/i.test(text));
    await ui.click("webhook-test-pager");
    await ui.text("webhook-tested", (text) => /not taken.*refused/i.test(text));
    await ui.accessible();
  });

  await story.step("the emergency stop says what it would do, does it, and nothing is left", async () => {
    const running = home.ps(folder).instances;
    return room.emergencyStop(ui, running, () => ui.accessible());
  });

  await story.step("no page had an error or asked anybody outside this machine", () => {
    const troubles = [...ui.troubles, ...dark.troubles];
    if (troubles.length > 0) throw new Error(troubles.join("\n"));
  });
});
