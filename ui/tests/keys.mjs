// Does every act with keys alone, in the simulated build: no pointer is ever used, and what has the focus is
// always seen to have it. Then asks axe-core about every place at 200 %.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { FAKE, launch, open, serve } from "./harness.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** More stops than any place has; reaching it is the fault that is looked for. */
const MOST_STOPS = 260;

const host = await serve(FAKE);
const browser = await launch();

async function visit(path, options = {}) {
  const opened = await open(browser, options);
  await opened.context.addInitScript({ path: AXE });
  await opened.page.goto(host.origin + path);
  await opened.page.getByTestId("overall").waitFor();
  return opened;
}

/** Goes to what has this test id by the Tab key alone. */
async function reach(page, id, shift = false) {
  for (let stop = 0; stop < MOST_STOPS; stop += 1) {
    await page.keyboard.press(shift ? "Shift+Tab" : "Tab");
    const at = await page.evaluate(() => {
      const here = document.activeElement;
      if (!here || here === document.body) return null;
      // The focus shows on the element or on what stands for it.
      const shown = [here, here.closest("label"), here.closest('[role="combobox"]')?.parentElement].some(
        (each) => each && getComputedStyle(each).outlineStyle !== "none" && getComputedStyle(each).outlineWidth !== "0px",
      );
      return { id: here.closest("[data-testid]") === here ? here.getAttribute("data-testid") : null, shown, what: here.outerHTML.slice(0, 120), field: here.matches("input, select, textarea") };
    });
    if (at && !at.field) assert.ok(at.shown, `the focus is not seen on ${at.what}`);
    if (at?.id === id) return;
  }
  assert.fail(`${id} is not reached by the Tab key`);
}

async function press(page, id, key = "Enter") {
  await reach(page, id);
  // While another act goes on it says that it does nothing; what has ended is shown a moment later.
  await page.locator(`[data-testid="${id}"]:focus:not([aria-disabled="true"], :disabled)`).waitFor();
  await page.keyboard.press(key);
}

/** The act was asked of the engine, and came to an end. */
async function done(page, verb, least = 1) {
  await page.waitForFunction(
    ([verb, least]) => window.__fake.world.acts.filter((act) => act.verb === verb && act.outcome.kind === "done").length >= least,
    [verb, least],
    { timeout: 60_000 },
  );
  console.log(`ok  ${verb}`);
}

/** To a place by the key that its link names. */
async function go(page, id) {
  await page.keyboard.press(await page.getByTestId(`place-${id}`).getAttribute("aria-keyshortcuts"));
  await page.waitForURL(`**/${id}*`);
}

async function service(page, name) {
  await page.keyboard.press("Control+k");
  await page.keyboard.type(name);
  await page.keyboard.press("Enter");
  await page.locator(`[data-testid="panel"][data-service="${name}"]`).waitFor();
}

try {
  const { page, context, complaints } = await visit("/services?fake=150&scene=incident");

  // A group of services, by the palette and from the list that shows it.
  await page.keyboard.press("Control+k");
  await page.keyboard.type("Bring up Financial-Services");
  await page.keyboard.press("Enter");
  await done(page, "up");
  const shown = await visit("/services?fake=150&q=Financial-Services");
  await press(shown.page, "group-up");
  await done(shown.page, "up");
  assert.deepEqual(shown.complaints, [], "the page complained");
  await shown.context.close();

  await service(page, "azora-mint");
  await press(page, "act-restart");
  await done(page, "restart");
  await press(page, "scale-up");
  await done(page, "scale");
  await press(page, "act-hold");
  await done(page, "hold");
  await press(page, "act-unhold");
  await done(page, "unhold");
  await press(page, "act-mute");
  await page.locator('[role="menuitem"]:focus').waitFor();
  await page.keyboard.press("Enter");
  await done(page, "mute");
  await press(page, "act-mute");
  await page.locator('[role="menuitem"]:focus').waitFor();
  await page.keyboard.press("Enter");
  await done(page, "unmute");
  await press(page, "act-stop");
  await done(page, "stop");
  await press(page, "act-start");
  await done(page, "start");

  // Into a chart and out again; Escape is meant for the chart, and not for the panel.
  await press(page, "health-chart", "+");
  await page.getByTestId("zoomed").waitFor();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Escape");
  await page.getByTestId("zoomed").waitFor({ state: "detached" });
  await page.getByTestId("panel").waitFor();
  console.log("ok  zoom");

  // Its tabs by arrows, the whole page and back.
  await reach(page, "tab-overview");
  await page.keyboard.press("ArrowRight");
  await page.locator('[data-testid="tab-logs"][aria-selected="true"]').waitFor();
  await page.keyboard.press("f");
  await page.locator('[data-testid="panel"][data-full="true"]').waitFor();
  await page.keyboard.press("f");
  await page.locator('[data-testid="panel"][data-full="false"]').waitFor();
  console.log("ok  tabs and the whole page");

  await page.keyboard.press("[");
  await page.evaluate(() => {
    const cluster = window.__fake.world.snapshot().clusters.find((each) => each.name === "azora-os").id;
    window.__fake.world.set(cluster, "azora-mint.0", "quarantined", "exited with code 1, 5 times in 10 min", "release it to try again");
  });
  await press(page, "act-release");
  await done(page, "release");
  await page.keyboard.press("Escape");
  await page.getByTestId("panel").waitFor({ state: "detached" });

  await press(page, "hold-switch", "Space");
  await done(page, "hold", 2);
  await go(page, "topology");
  await press(page, "rehearse-open");
  await press(page, "rehearsal-run");
  await page.getByTestId("rehearsal-result").waitFor({ timeout: 60_000 });
  console.log("ok  rehearse");

  await go(page, "settings");
  await press(page, "mute");
  await done(page, "mute", 2);
  await press(page, "unmute-/");
  await done(page, "unmute", 2);
  await press(page, "webhook-test-pager");
  await page.getByTestId("webhook-tested").waitFor();
  console.log("ok  test-webhook");

  await go(page, "incidents");
  const saved = page.waitForEvent("download");
  await press(page, "export-md");
  assert.equal((await saved).suggestedFilename(), "incidents.md");
  console.log("ok  export");

  await go(page, "clusters");
  await press(page, "open-folder");
  await page.getByTestId("folder-path").waitFor();
  await page.keyboard.type("/home/mira/code/lamp");
  await page.keyboard.press("Enter");
  await page.getByTestId("trust-confirm").waitFor();
  await press(page, "trust-confirm");
  await done(page, "up", 2);
  // What was opened is shown; only then is the next place asked for.
  await page.waitForURL("**/topology*");

  await go(page, "clusters");
  await press(page, "cluster-down");
  await done(page, "down");
  await press(page, "cluster-forget");
  await done(page, "forget");

  await press(page, "emergency-open");
  await page.getByTestId("emergency-word").waitFor();
  await reach(page, "emergency-word");
  await page.keyboard.type("stop");
  await page.keyboard.press("Enter");
  await page.locator('[data-testid="emergency-result"][data-left="0"]').waitFor();
  console.log("ok  emergency-stop");
  await press(page, "emergency-close");
  await press(page, "resume");
  await done(page, "resume");
  assert.deepEqual(complaints, [], "the page complained");
  await context.close();

  // 200 %: half as many pixels each way, at twice the density.
  for (const dark of [false, true]) {
    const { page, context } = await visit("/?fake=150&scene=incident", { width: 640, height: 400, dark });
    for (const place of ["clusters", "topology", "services", "incidents", "registry", "gateway", "governance", "activity", "settings", "service?service=azora-mint"]) {
      await page.goto(`${host.origin}/${place}${place.includes("?") ? "&" : "?"}fake=150&scene=incident`);
      await page.getByTestId("overall").waitFor();
      const found = await page.evaluate(async (tags) => {
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        const { violations } = await window.axe.run(document, { runOnly: tags });
        return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.target.join(" ")}`);
      }, WCAG);
      assert.deepEqual(found, [], `axe-core on ${place} at 200 %`);
      const cut = await page.evaluate(() => {
        const out = [...document.querySelectorAll("header button, nav a")].map((each) => each.getBoundingClientRect()).filter((box) => box.width > 0 && (box.right > innerWidth + 1 || box.left < -1));
        return { buttons: out.length, wide: document.documentElement.scrollWidth > innerWidth };
      });
      assert.deepEqual(cut, { buttons: 0, wide: false }, `${place} at 200 %: what is out of reach`);
    }
    console.log(`ok  200 %, ${dark ? "dark" : "light"}`);
    await context.close();
  }
} finally {
  await browser.close();
  host.close();
}
