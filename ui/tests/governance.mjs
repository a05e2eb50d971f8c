// Steps of the walk at governance: what was found, what was decided, and the rules that hold.

import assert from "node:assert/strict";

export async function governance({ step, visit, axe, dark, words }) {
  const { page, context, complaints } = await visit({ dark }, "/governance?fake=150&scene=incident");
  await step(`${words}: threats are told with what was seen and what to do, and are looked for when it is asked`, async () => {
    await page.locator('[data-testid="threat-level"][data-level="high"]').waitFor();
    const threat = page.getByTestId("threat-exposed");
    await threat.getByText("0.0.0.0:9229", { exact: false }).waitFor();
    assert.match(await threat.textContent(), /let it listen on 127\.0\.0\.1/);
    await page.getByTestId("look-now").click();
    await page.locator('[data-testid="look-now"]:not([aria-busy])').waitFor();
    await axe(page, "threats");
    await threat.getByRole("link").click();
    await page.waitForURL("**/service?*");
    await page.goBack();
  });
  await step(`${words}: decisions name the rule that made them, and those that refused can be had alone`, async () => {
    await page.getByText("Decisions", { exact: true }).click();
    const rows = page.locator('[data-testid="decision-table"] tbody tr');
    await rows.filter({ hasText: "healing-heals" }).first().waitFor();
    const all = await rows.count();
    await axe(page, "decisions");
    await page.getByText("Refused", { exact: true }).first().click();
    await page.waitForURL("**which=refused*");
    await rows.filter({ hasText: "protected-is-for-people" }).waitFor();
    assert.ok((await rows.count()) < all);
  });
  await step(`${words}: what waits for persons says what would happen, and is approved of or denied`, async () => {
    await page.getByText("Approvals", { exact: true }).click();
    const waiting = page.locator('[data-testid="approvals"] > li[data-state="waiting"]');
    await waiting.getByText("1 of 2 approvals", { exact: false }).waitFor();
    await axe(page, "approvals");
    await page.getByTestId("approver").fill("mira");
    await page.getByTestId("approve-2").click();
    await page.getByText("mira asked for it", { exact: false }).waitFor();
    await page.getByTestId("approver").fill("ben");
    await page.getByTestId("approve-2").click();
    await page.locator('[data-testid="approval-2"][data-state="approved"]').getByText("ada, ben", { exact: false }).waitFor();
    await page.reload();
    assert.equal(await page.getByTestId("approver").inputValue(), "ben", "the window remembers it");
    await page.getByTestId("deny-2").click();
    await page.locator('[data-testid="approval-2"][data-state="denied"]').waitFor();
    assert.equal(await waiting.count(), 0);
  });
  await step(`${words}: the rules that hold are told as sentences, and whose they are`, async () => {
    await page.getByText("Rules", { exact: true }).click();
    await page.getByTestId("rule-people-decide").getByText("a person at this machine may do everything").waitFor();
    assert.match(await page.getByTestId("rule-no-scaling-here").textContent(), /only in azora-os/);
    await axe(page, "rules");
  });
  await step(`${words}: the ledger says how much is signed, is verified, and lists its entries`, async () => {
    await page.getByText("Ledger", { exact: true }).click();
    await page.getByTestId("ledger-stand").waitFor();
    await page.getByTestId("verify").click();
    await page.locator('[data-testid="verdict"][data-sound="true"]').waitFor();
    await page.locator('[data-testid="ledger-table"] tbody tr').filter({ hasText: "admitted" }).first().waitFor();
    await axe(page, "the ledger");
  });
  assert.deepEqual(complaints, [], "the console is quiet");
  await context.close();
}
