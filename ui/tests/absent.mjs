// What the walk sees when an address names what is not there: that, and nothing else in its place.

import assert from "node:assert/strict";

export async function absent({ step, visit, axe, dark, words }) {
  await step(`${words}: what an address names and is not there is said, and nothing else shown for it`, async () => {
    for (const place of ["topology", "service", "services", "logs", "incidents", "definition", "registry", "activity"]) {
      const other = await visit({ dark }, `/${place}?cluster=gone-1234&service=azora-mint`);
      await other.page.getByTestId("no-such-cluster").waitFor();
      assert.equal(await other.page.getByTestId("panel").count(), 0, `${place}: no service of another cluster`);
      if (place === "topology") {
        await axe(other.page, "no such cluster");
        await other.page.getByTestId("to-clusters").click();
        await other.page.waitForURL((at) => at.pathname === "/clusters" && at.search === "");
      }
      await other.context.close();
    }
    const other = await visit({ dark }, "/incidents?incident=4711");
    await other.page.getByTestId("no-such-incident").waitFor();
    assert.equal(await other.page.getByTestId("incident-detail").count(), 0, "no other incident in its place");
    await axe(other.page, "no such incident");
    // One that the picture has no more is asked for by its number.
    const old = await other.page.evaluate(() => {
      const { world } = window.__fake;
      const one = { ...structuredClone(world.incidents[0]), id: 4_712 };
      world.incidents.push(one);
      return one.id;
    });
    await other.page.evaluate((id) => history.pushState(null, "", `/incidents?incident=${id}`), old);
    await other.page.evaluate(() => dispatchEvent(new PopStateEvent("popstate")));
    await other.page.locator(`[data-testid="incident-detail"][data-incident="${old}"]`).waitFor();
    await other.context.close();
  });
}
