// What the walk sees of the curves beside services: they begin with what the engine kept, not with an empty page.

import assert from "node:assert/strict";

export async function curves({ step, visit }) {
  await step("a service's curve begins with what was measured before, asked for once for all services", async () => {
    const { page, context } = await visit({}, "/topology?fake=3");
    const curve = () => page.evaluate(() => window.__azora?.topology.nodes().map((node) => node.curve) ?? []);
    const drawn = (least) => page.waitForFunction((least) => {
      const nodes = window.__azora?.topology.nodes() ?? [];
      return nodes.length > 1 && nodes.every((node) => node.curve >= least || node.name === "initdb");
    }, least, { timeout: 4_000 });
    // The simulated home is asked every 5 s: so much is not there yet.
    await drawn(20);
    // Far out nobody sees one; near again nobody asks again.
    for (let turn = 0; turn < 8; turn += 1) await page.getByRole("button", { name: "Zoom out" }).click();
    await page.waitForFunction(() => window.__azora.topology.nodes().every((node) => node.curve === 0));
    await page.getByTestId("topology-fit").click();
    await drawn(20);
    assert.equal(await page.evaluate(() => window.__fake.asked("latencies")), 1);
    assert.ok((await curve()).length > 1);
    await context.close();
  });
  await step("a change of state is seen in the strip of seven days without asking for the week again", async () => {
    const { page, context } = await visit({}, "/service?fake=3&service=web");
    const strip = page.getByTestId("state-strip");
    await strip.waitFor();
    const last = strip.locator(".cell").last();
    assert.match(await last.getAttribute("title"), /: ready$/);
    const before = await page.evaluate(() => window.__fake.asked("history"));
    const set = (state) => page.evaluate((state) => {
      const { world } = window.__fake;
      world.set(world.snapshot().clusters[0].id, "web.0", state, "as the walk says");
    }, state);
    const shows = (word) => page.waitForFunction((word) => [...document.querySelectorAll('[data-testid="state-strip"] .cell')].at(-1)?.getAttribute("title")?.endsWith(`: ${word}`), word);
    for (const state of ["degraded", "failing"]) {
      await set(state);
      await shows(state);
    }
    // It keeps the worst.
    await set("ready");
    await page.getByText("as the walk says").waitFor();
    await shows("failing");
    assert.equal(await page.evaluate(() => window.__fake.asked("history")), before);
    await context.close();
  });
}
