// The charts of a service in the walk: zoomed by pointer and keys, and what was done in words.

import assert from "node:assert/strict";

export async function charts({ step, page, axe, words }) {
  await step(`${words}: a chart is drawn over, told finer, and led back by button, double click and keys`, async () => {
    const chart = page.getByTestId("health-chart");
    const zoomed = page.getByTestId("zoomed");
    const whole = () => zoomed.waitFor({ state: "detached" });
    await chart.waitFor();
    const { x, y, width, height } = await chart.boundingBox();
    const draw = async (to = 0.8) => {
      await page.mouse.move(x + width * 0.5, y + height / 2);
      await page.mouse.down();
      await page.mouse.move(x + width * 0.6, y + height / 2, { steps: 4 });
      await page.mouse.move(x + width * to, y + height / 2, { steps: 4 });
      await page.mouse.up();
      await zoomed.waitFor();
    };
    await draw();
    // A third of the time in as many points: each is a third as long.
    await page.waitForFunction(() => {
      const chart = document.querySelector('[data-testid="health-chart"]');
      return Number(chart?.dataset.bucketMs) < 2_500 && Number(chart?.dataset.points) > 100;
    });
    await axe(page, "zoomed chart");
    await page.getByTestId("zoom-reset").click();
    await whole();
    await draw();
    await page.mouse.dblclick(x + width / 2, y + height / 2);
    await whole();
    await chart.focus();
    await page.keyboard.press("+");
    await zoomed.waitFor();
    const once = await zoomed.textContent();
    await page.keyboard.press("+");
    await page.waitForFunction((before) => document.querySelector('[data-testid="zoomed"]')?.textContent !== before, once);
    await page.keyboard.press("Escape");
    await whole();
    // What was begun in a part that stands still comes to its end before one's eyes; what came later is not of it.
    await draw(0.93);
    // By numbers that are older than all: of the newest acts the page believes that they are the last.
    const say = (id, ago, outcome) => page.evaluate(([id, ago, outcome]) => {
      const { world } = window.__fake;
      const { id: cluster } = world.snapshot().clusters.find((each) => each.name === "azora-os");
      const service = document.querySelector('[data-testid="panel"]').dataset.service;
      const act = { id, at: window.__begun ??= Date.now() - 60_000, actor: { kind: "person", via: "walk" }, verb: "restart", reason: "", outcome, target: { cluster, services: [service], instance: null } };
      world.tell(cluster, { kind: "act", act: { ...act, at: act.at + 60_000 - ago } });
    }, [id, ago, outcome]);
    await say(-1, 60_000, { kind: "pending" });
    await page.getByTestId("chart-marks").getByText(/acts? of others/).waitFor();
    await page.getByTestId("chart-marks").locator("summary").click();
    await page.getByTestId("chart-marks").getByText("restarted by person, walk, under way", { exact: true }).waitFor();
    await say(-2, -60_000, { kind: "pending" });
    await say(-1, 60_000, { kind: "done", detail: "" });
    await page.getByTestId("chart-marks").getByText("restarted by person, walk", { exact: true }).waitFor();
    assert.equal(await page.getByTestId("chart-marks").getByText(/walk/).count(), 1);
    await page.getByTestId("chart-marks").locator("summary").click();
    await page.getByTestId("zoom-reset").click();
    await whole();
    assert.equal(await page.getByTestId("panel").count(), 1, "the panel stays open when Escape was meant for the chart");
    await page.getByTestId("chart-marks").locator("summary").click();
    assert.match(await page.getByTestId("chart-marks").innerText(), /healing, restart/);
    await page.getByTestId("chart-marks").locator("summary").click();
  });
}
