// Notifications turned off and on again: of a service by its bell, of everything in the settings, and where that is said.

import assert from "node:assert/strict";

export async function muted({ step, visit, axe, dark, words }) {
  const { page, context, complaints } = await visit({ dark }, "/topology?fake=150&scene=incident&service=event-bus");
  const mutes = () => page.evaluate(() => window.__fake.world.mutes.map(({ cluster, service, until, since }) => ({ of: service ?? (cluster === null ? "everything" : "cluster"), ms: until === null ? null : until - since })));

  await step(`${words}: the bell of a service mutes it for a time, by keys, and everything says so`, async () => {
    assert.equal(await page.getByTestId("bell").count(), 0, "nothing is muted");
    assert.equal(await page.getByTestId("muted").count(), 0);
    await page.getByTestId("act-mute").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("menu", { name: "Mute notifications of event-bus" }).waitFor();
    await axe(page, "the menu of the bell");
    const box = await page.getByRole("menu").boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= 1_280, "the menu is on the page");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByTestId("panel").getByTestId("muted").getByText(/Notifications of event-bus are muted until .*\d\d:\d\d/).waitFor();
    assert.deepEqual(await mutes(), [{ of: "event-bus", ms: 8 * 3_600_000 }]);
    assert.match(await page.getByTestId("bell").getAttribute("aria-label"), /^1 thing is muted$/);
    await axe(page, "a muted service");
    // The incident is there as ever, and says it, too.
    await page.getByTestId("place-incidents").click();
    await page.getByTestId("incident-detail").getByTestId("muted").getByText(/event-bus are muted/).waitFor();
    await axe(page, "an incident of a muted service");
  });

  await step(`${words}: settings list what is muted, mute everything, and end each`, async () => {
    await page.getByTestId("bell").click();
    await page.waitForURL("**/settings*");
    await page.getByTestId("mutes").getByText("event-bus of azora-os").waitFor();
    await page.getByText("settings.toml", { exact: true }).first().waitFor();
    await page.getByTestId("mute-span").selectOption("until unmuted");
    await page.getByTestId("mute").click();
    await page.getByTestId("mute-/").getByText("until unmuted").waitFor();
    assert.deepEqual(await mutes(), [{ of: "everything", ms: null }, { of: "event-bus", ms: 8 * 3_600_000 }]);
    assert.equal(await page.getByTestId("bell").getAttribute("aria-label"), "All notifications are muted.");
    await axe(page, "settings with mutes");
    await page.getByTestId("unmute-/").click();
    await page.getByTestId("mute-/").waitFor({ state: "detached" });
    await page.getByTestId("mutes").getByRole("button", { name: "Unmute event-bus of azora-os" }).click();
    await page.getByText("Nothing is muted.").waitFor();
    await page.getByTestId("bell").waitFor({ state: "detached" });
    assert.deepEqual(await mutes(), []);
  });

  await step(`${words}: what ends by itself is gone from the page, and a refusal is said where it was asked`, async () => {
    await page.evaluate(() => window.__fake.world.mute(null, [], 60_000));
    await page.getByTestId("mute-/").waitFor();
    await page.evaluate(() => window.__fake.world.unmute(null, []));
    await page.getByTestId("mute-/").waitFor({ state: "detached" });
    await page.evaluate(() => window.__fake.refuse("mute", "at most 200 things are muted at a time; end some, or mute a whole cluster"));
    await page.getByTestId("mute").click();
    await page.getByTestId("problem").getByText("At most 200 things").waitFor();
    await page.evaluate(() => window.__fake.refuse("mute", null));
  });

  await step(`${words}: the palette mutes and unmutes a service`, async () => {
    const palette = async (text) => {
      await page.keyboard.press("Control+k");
      await page.getByTestId("palette-input").fill(text);
      await page.getByRole("option", { name: text }).first().waitFor();
      await page.keyboard.press("Enter");
      await page.getByTestId("palette").waitFor({ state: "detached" });
    };
    await palette("Mute event-bus for 1 h");
    await page.getByTestId("bell").waitFor();
    assert.deepEqual(await mutes(), [{ of: "event-bus", ms: 3_600_000 }]);
    await palette("Unmute event-bus");
    await page.getByTestId("bell").waitFor({ state: "detached" });
  });
  assert.deepEqual(complaints, []);
  await context.close();
}
