// Steps of the walk at the gateway: its routes, the one that is open, what came through, a request of one's own,
// and where else it is told what goes through; and at the registry.

import assert from "node:assert/strict";

const HOST = "api.shop.localhost";

export async function gateway({ step, visit, axe, dark, words }) {
  const { page, context, complaints } = await visit({ dark }, "/gateway?fake=3");
  const pane = page.getByTestId("route-pane");
  await step(`${words}: a route is opened, with its instances, its curves and its address to take along`, async () => {
    await page.getByTestId("gateway-overview").waitFor();
    assert.equal(await page.locator('[data-testid^="route-"][aria-current]').count(), 0);
    await page.getByTestId(`route-${HOST}`).click();
    await pane.waitFor();
    assert.match(page.url(), /route=api\.shop\.localhost/);
    assert.equal(await page.locator('[data-testid="backend-table"] tr[data-state="serving"]').count(), 2);
    await page.waitForFunction(() => Number(document.querySelector('[data-testid="route-charts"]')?.getAttribute("data-points")) >= 2);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await pane.getByRole("button", { name: `Copy http://${HOST}:7422/` }).click();
    await pane.getByText("Copied").first().waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `http://${HOST}:7422/`);
    await axe(page, "a route");
  });
  await step(`${words}: an instance that starts to stop is said to drain, and gets no more requests`, async () => {
    await page.evaluate(() => {
      const [[id]] = window.__fake.world.clusters;
      window.__fake.world.set(id, "api.1", "stopping", "was told to stop");
    });
    await page.locator('[data-testid="backend-table"] tr[data-state="draining"]').waitFor();
    await pane.getByText("it is about to be stopped").waitFor();
  });
  await step(`${words}: a request of one's own is sent by the engine, and its answer shown as text`, async () => {
    await page.getByTestId("tab-try").click();
    await page.getByTestId("try-path").fill("/orders?of=mira");
    await page.getByTestId("try-headers").fill("X-Mine yes");
    assert.equal(await page.getByTestId("try-send").getAttribute("aria-disabled"), "true");
    await pane.getByText("is no header").waitFor();
    await axe(page, "a request that cannot be sent");
    await page.getByTestId("try-headers").fill("X-Mine: yes");
    await page.getByTestId("try-method").selectOption("POST");
    await page.getByTestId("try-body").fill('{"n": 1}');
    await pane.getByText("written into the book of acts").waitFor();
    await page.getByTestId("try-send").click();
    const answer = page.getByTestId("try-answer");
    await answer.getByText("Status 200").waitFor();
    assert.match(await answer.locator("pre").innerText(), /"X-Mine": "yes"/);
    await axe(page, "an answer");
    assert.ok(await page.evaluate(() => window.__fake.world.acts.some((act) => act.verb === "request")), "it is in the book");
  });
  await step(`${words}: what came through is listed, and held while somebody reads`, async () => {
    await page.getByTestId("tab-requests").click();
    await page.getByTestId("request-table").getByText("/orders").first().waitFor();
    await page.getByTestId("route-close").click();
    await pane.waitFor({ state: "detached" });
    await page.getByText("Requests", { exact: true }).first().click();
    await page.getByTestId("request-table").getByText("POST").first().waitFor();
    await page.getByTestId("requests-hold").click();
    const first = await page.getByTestId("request-table").locator("tbody tr").first().innerText();
    await page.evaluate((host) => window.__fake.gateway.try({ host, method: "GET", path: "/later" }), HOST);
    await page.getByText(/^[1-9]\d* newer requests?$/).waitFor();
    assert.equal(await page.getByTestId("request-table").locator("tbody tr").first().innerText(), first, "it stands still");
    await axe(page, "requests");
  });
  await step(`${words}: a route that is no more is said to be none`, async () => {
    const gone = await visit({ dark }, "/gateway?fake=3&route=gone.shop.localhost");
    await gone.page.getByTestId("no-such-route").waitFor();
    await axe(gone.page, "no such route");
    await gone.page.getByRole("button", { name: "Show all routes" }).click();
    await gone.page.getByTestId("no-such-route").waitFor({ state: "detached" });
    await gone.context.close();
  });
  await step(`${words}: where no instance serves, it is said why, since when and what to do`, async () => {
    await page.goto(page.url().replace(/\?.*/, "?fake=3&route=web.shop.localhost"));
    await pane.waitFor();
    await page.evaluate(() => {
      const [[id]] = window.__fake.world.clusters;
      window.__fake.world.set(id, "web.0", "quarantined", "exited with code 1, 5 times in 10 min");
    });
    const away = page.getByTestId("route-unavailable");
    await away.getByText("exited with code 1").waitFor();
    await axe(page, "no instance serves");
    await page.getByTestId("route-service").click();
    await page.locator('[data-testid="panel-state"][data-state="quarantined"]').waitFor();
    await page.getByTestId("through-gateway").getByText("no instance serves").waitFor();
  });
  await step(`${words}: a gateway that does not run says how it is turned on`, async () => {
    const off = await visit({ dark }, "/gateway?fake=3&gateway=off");
    await off.page.getByText("The gateway does not run").waitFor();
    await axe(off.page, "no gateway");
    await off.context.close();
  });
  await step(`${words}: the graph and its table say what goes through, and from whom`, async () => {
    const graph = await visit({ dark }, "/topology?fake=150");
    await graph.page.waitForFunction(() => window.__azora?.topology.nodes().some((each) => each.often > 0));
    await graph.page.goto(graph.page.url().replace("topology?", "topology?view=table&"));
    await graph.page.getByTestId("topology-table").locator("td", { hasText: /\d\/s.*p99/ }).first().waitFor();
    assert.deepEqual(graph.complaints, []);
    await graph.context.close();
  });
  assert.deepEqual(complaints, [], "the console is quiet");
  await context.close();
  await step(`${words}: the registry finds entries by what they say, and tells how one is registered`, async () => {
    const other = await visit({ dark }, "/registry?fake=150");
    const rows = other.page.getByTestId("registry-table").locator("tbody tr");
    await other.page.getByRole("searchbox").first().fill("ledger green");
    await other.page.waitForFunction(() => document.querySelectorAll('[data-testid="registry-table"] tbody tr').length === 1);
    await rows.first().getByText("GET /health answered 503").waitFor();
    await rows.first().getByText("its own checks").waitFor();
    await axe(other.page, "an entry that is critical");
    await other.page.getByRole("searchbox").first().fill("");
    await other.page.getByText("Registered", { exact: true }).click();
    await other.page.waitForFunction(() => document.querySelectorAll('[data-testid="registry-table"] tbody tr').length === 4);
    await other.page.getByTestId("register").click();
    await other.page.getByTestId("register-dialog").getByText("/register").first().waitFor();
    await axe(other.page, "how to register");
    assert.deepEqual(other.complaints, []);
    await other.context.close();
  });
}
