// Steps of the walk at 200 % of zoom on a window of 1280 by 800: that is one of 640 by 400.

import assert from "node:assert/strict";

/** What stands in the middle of an element, if the element itself is not there to be pressed. */
async function covered(page, testid) {
  return page.getByTestId(testid).first().evaluate((element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    const [x, y] = [left + width / 2, top + height / 2];
    if (left < 0 || top < 0 || left + width > innerWidth || top + height > innerHeight) return `out of the window: ${left},${top} ${width}×${height}`;
    const there = document.elementFromPoint(x, y);
    return element.contains(there) ? null : `below ${there?.outerHTML.slice(0, 80)}`;
  });
}

export async function zoomed({ step, visit, axe, dark, words }) {
  await step(`${words}: at 200 % nothing is out of the window or below something else`, async () => {
    const { page, context, complaints } = await visit({ dark }, "/services?fake=3");
    await page.setViewportSize({ width: 640, height: 400 });
    for (const place of ["clusters", "topology", "services", "logs", "incidents", "definition", "registry", "gateway", "governance", "activity", "settings"]) {
      await page.getByTestId(`place-${place}`).click();
      for (const testid of ["emergency-open", "palette-open"]) assert.equal(await covered(page, testid), null, `${testid} in ${place}`);
      await page.locator(`main[aria-label="${await page.locator("h1").textContent()}"] > *`).first().waitFor();
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${place} does not scroll sideways as a whole`);
    }
    await page.getByTestId("place-services").click();
    await page.getByRole("row", { name: /^api/ }).first().click();
    await page.getByTestId("tab-terminal").click();
    await page.locator('[data-testid="terminal"] .xterm-rows').getByText("Python 3.11.2").first().waitFor();
    for (const testid of ["terminal-how", "terminal-take", "tab-terminal"]) assert.equal(await covered(page, testid), null, testid);
    await axe(page, "a terminal at 200 %");
    assert.deepEqual(complaints, [], "the console is quiet");
    await context.close();
  });
}
