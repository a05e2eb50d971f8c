// Settings say where the engine listens and where its data lie, as the engine says it itself.

import assert from "node:assert/strict";

export async function settings({ step, visit, axe, dark, words }) {
  const { page, context, complaints } = await visit({ dark }, "/settings?fake=3");
  await step(`${words}: settings say where the engine listens, and give the folder of its data to take along`, async () => {
    const engine = await page.evaluate(() => window.__fake.world.engine);
    const said = await page.getByTestId("addresses").innerText();
    for (const address of [engine.api, engine.registry, engine.gateway]) assert.ok(said.includes(address), `${address} in ${said}`);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const folder = page.getByTestId("data-folder");
    await folder.getByRole("button", { name: /path of the folder/ }).click();
    await folder.getByText("copied").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), engine.home);
    await axe(page, "settings");
  });
  assert.deepEqual(complaints, []);
  await context.close();
  await step(`${words}: settings say of a gateway that does not listen that it does not`, async () => {
    const off = await visit({ dark }, "/settings?fake=3&gateway=off");
    assert.match(await off.page.getByTestId("addresses").innerText(), /Gateway\s+not listening/);
    await off.context.close();
  });
}
