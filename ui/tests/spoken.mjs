// Steps of the walk: what is said to who does not see. A region that is read out speaks when something has changed that
// one wants to hear, and not whenever a time or a count beside it moves on.

import assert from "node:assert/strict";

/** From now on notes each text that a region which is read out takes, and how often the pill changed that is seen. */
function listen(page) {
  return page.evaluate(() => {
    const heard = (window.__heard = { all: [], overall: [], seen: 0 });
    const said = new Map();
    let pill = "";
    const look = () => {
      for (const region of document.querySelectorAll('[role="status"], [role="alert"], [aria-live="polite"], [aria-live="assertive"]')) {
        const text = region.textContent.trim().replace(/\s+/g, " ");
        if ((said.get(region) ?? "") === text) continue;
        said.set(region, text);
        heard.all.push(text);
        if (region.dataset.testid === "overall-said") heard.overall.push(text);
      }
      const now = document.querySelector('[data-testid="overall"]')?.textContent ?? "";
      if (now !== pill) heard.seen += 1;
      pill = now;
    };
    look();
    Object.assign(heard, { all: [], overall: [], seen: 0 });
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
}

export async function spoken({ step, visit, dark, words }) {
  await step(`${words}: a screen reader hears of an incident once, and not of each second it lasts`, async () => {
    const { page, context } = await visit({ dark }, "/topology?fake=150&scene=incident");
    const time = page.locator('[data-testid="incident-ribbon"] time').first();
    await time.waitFor();
    await page.getByTestId("incidents-said").filter({ hasText: "Incident of event-bus" }).waitFor({ state: "attached" });
    await listen(page);
    for (let tick = 0; tick < 2; tick += 1) {
      const before = await time.textContent();
      await page.waitForFunction((old) => document.querySelector('[data-testid="incident-ribbon"] time').textContent !== old, before, { timeout: 15_000 });
    }
    assert.deepEqual(await page.evaluate(() => window.__heard.all), [], "nothing is said while only the time goes on");
    await context.close();
  });
  await step(`${words}: a screen reader hears of a change of the overall state once, whatever the counts do`, async () => {
    const { page, context } = await visit({ dark }, "/services?fake=150");
    await page.locator('[data-testid="overall"][data-overall="operational"]').waitFor();
    await listen(page);
    await page.evaluate(() => {
      const { world } = window.__fake;
      const { id, services } = world.snapshot().clusters.find((each) => each.name === "azora-os");
      for (const { name } of services.slice(0, 20)) world.break(id, name, 600 + 40 * Math.floor(Math.random() * 20));
    });
    await page.locator('[data-testid="overall"]:not([data-overall="operational"])').waitFor();
    await page.locator('[data-testid="overall"][data-overall="operational"]').waitFor({ timeout: 20_000 });
    const { overall, seen } = await page.evaluate(() => window.__heard);
    assert.ok(seen > 2 * overall.length, `what is seen changes often (${seen}), what is said seldom (${overall.length})`);
    assert.equal(overall.at(-1), "Operational", "the last word is how it is");
    assert.ok(overall.length <= 4, `it was said: ${overall.join(", ")}`);
    await context.close();
  });
}
