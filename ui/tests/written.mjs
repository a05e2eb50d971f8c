// Steps of the walk through what is written in: the terminal of a service, and the definition.

import assert from "node:assert/strict";

export async function terminal({ step, visit, axe, dark, words }) {
  const { page, context, complaints } = await visit({ dark }, "/services?fake=3&service=api&tab=terminal");
  const how = page.getByTestId("terminal-how");
  const screen = page.locator('[data-testid="terminal"] .xterm-rows');
  const shows = (text) => screen.getByText(text).first().waitFor();

  await step(`${words}: a terminal is read-only until a key takes the input, and Tab walks on past it`, async () => {
    await shows("Python 3.11.2");
    await how.getByText("Read-only").waitFor();
    await axe(page, "terminal, read-only");
    await page.getByTestId("terminal-take").focus();
    await page.keyboard.press("Tab");
    await page.locator(".xterm-helper-textarea:focus").waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await page.locator(".xterm-helper-textarea:focus").count(), 0, "looking on is no trap");
    await page.keyboard.press("Shift+Tab");
    await page.locator(".xterm-helper-textarea:focus").waitFor();
    await page.keyboard.press("Enter");
    await how.getByText("You type here").waitFor();
    assert.notEqual(await page.evaluate(() => document.querySelector('[data-testid="terminal"] .size')?.textContent), "80 × 24");
  });
  await step(`${words}: what is typed is the service's, the page's own keys too, and nothing of the service's leaves the screen`, async () => {
    await page.keyboard.type("2?[f");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => (document.querySelector('[data-testid="terminal"] .xterm-rows')?.textContent ?? "").split("2?[f").length === 3);
    assert.match(page.url(), /\/services\?.*tab=terminal/);
    const title = await page.title();
    await page.evaluate(() => window.__fake.terminals.write("\x1b]0;evil\x07\x1b]52;c;ZXZpbA==\x07\x1b]8;;http://evil\x07plain\x1b]8;;\x07 \x1b[38;2;200;80;10mtrue\x1b[0m\r\n"));
    await shows("true");
    assert.equal(await page.title(), title);
    assert.equal(await screen.locator("a, .xterm-underline-5").count(), 0, "no link");
    assert.notEqual(await screen.getByText("true", { exact: true }).first().evaluate((span) => span.style.color), "", "true colours get through the policy");
    await axe(page, "terminal, typed at");
  });
  await step(`${words}: another one takes the input, and it comes back; Ctrl-P Ctrl-Q lets go`, async () => {
    await page.evaluate(() => window.__fake.terminals.other());
    await how.getByText("Somebody types here (cli)").waitFor();
    await axe(page, "terminal, of somebody else");
    await page.locator(".xterm-helper-textarea").focus();
    await page.keyboard.press("Enter");
    await how.getByText("You type here").waitFor();
    await page.keyboard.press("Control+p");
    await page.keyboard.press("Control+q");
    await how.getByText("Read-only").waitFor();
    await page.getByTestId("panel").getByTestId("tab-overview").click();
    assert.equal(await page.locator("azora-style").count(), 0, "its styles go with it");
    await page.getByRole("row", { name: /^db/ }).first().click();
    await page.getByTestId("tab-terminal").click();
    await page.getByText("tty = true").waitFor();
    await axe(page, "no terminal");
  });
  assert.deepEqual(complaints, [], "the console is quiet");
  await context.close();
}

export async function definition({ step, visit, axe, dark, words }) {
  const { page, context, complaints } = await visit({ dark }, "/definition?fake=3");
  const text = page.getByTestId("definition-text");
  const status = page.getByTestId("definition-status");
  const checked = (problems) => page.locator(`[data-testid="definition"][data-checked="true"]:has([data-problems="${problems}"])`).waitFor();

  await step(`${words}: a definition is read and checked`, async () => {
    await text.waitFor();
    await status.getByText("What runs is what the file says").waitFor();
    await axe(page, "definition");
  });
  await step(`${words}: a mistake is marked where it is, and told with what would be right`, async () => {
    await text.focus();
    await page.keyboard.press("Control+End");
    await page.keyboard.insertText('\n[service.mail]\nrun = "mailpit"\nhelth = 1\n');
    await checked(1);
    await status.getByText("did you mean `health`?").waitFor();
    await page.locator('[data-testid="definition"] .cm-lintRange-error').waitFor();
    assert.equal(await page.getByTestId("definition-apply").getAttribute("aria-disabled"), "true");
    await axe(page, "definition with a mistake");
    await page.keyboard.press("1");
    assert.match(page.url(), /\/definition/, "what is written is no key of the page's");
    await page.keyboard.press("Control+z");
  });
  await step(`${words}: words are offered out of the schema`, async () => {
    await text.focus();
    await page.keyboard.press("Control+a");
    // What is typed over a selection Chromium styles by an attribute, which the policy refuses and it complains of.
    await page.keyboard.press("Delete");
    await page.keyboard.insertText('[service.api]\nrun = "node server.js"\n');
    await page.keyboard.press("Control+End");
    await page.keyboard.type("prot");
    await page.locator(".cm-tooltip-autocomplete").getByText("protected").waitFor();
    await axe(page, "completion");
    await page.keyboard.press("Escape");
    await page.getByTestId("definition-revert").click();
    await page.locator('[data-testid="definition"][data-dirty="false"]').waitFor();
  });
  await step(`${words}: applying says what restarts, and is refused when the file changed meanwhile`, async () => {
    await text.focus();
    await page.keyboard.press("Control+Home");
    await page.keyboard.press("Control+f");
    await page.locator('.cm-search input[name="search"]:focus').waitFor();
    await page.keyboard.type("node server.js");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Delete");
    await page.keyboard.insertText("node other.js");
    await checked(0);
    await status.getByText("1 service to restart").waitFor();
    // What was typed is there after a look elsewhere.
    await page.getByTestId("place-services").click();
    await page.getByTestId("place-definition").click();
    await status.getByText("1 service to restart").waitFor();
    await page.evaluate(() => window.__fake.definitions.meanwhile([...window.__fake.world.clusters.keys()][0]));
    await text.focus();
    await page.keyboard.press("Control+s");
    const dialog = page.getByTestId("definition-dialog");
    await dialog.getByText("run").first().waitFor();
    await axe(page, "what applying does");
    await dialog.getByTestId("definition-confirm").click();
    await dialog.getByText("changed since it was read").waitFor();
    await axe(page, "applying refused");
    await dialog.getByRole("button", { name: "Read the file again" }).click();
    await page.locator('[data-testid="definition"][data-dirty="false"]').waitFor();
    await page.locator('[data-testid="definition"]').getByText("# theirs").waitFor();
  });
  await step(`${words}: what was applied is what the file says`, async () => {
    await text.focus();
    await page.keyboard.press("Control+End");
    await page.keyboard.insertText('\n[service.mail]\nrun = "mailpit"\n');
    await status.getByText("1 service to start").waitFor();
    await page.getByTestId("definition-apply").click();
    await page.getByTestId("definition-confirm").click();
    await page.getByTestId("definition-dialog").waitFor({ state: "detached" });
    await page.locator('[data-testid="definition"][data-dirty="false"][data-checked="true"]').waitFor();
  });
  await step(`${words}: of a service its own lines are marked`, async () => {
    await page.goto(`${new URL(page.url()).origin}/services?fake=150&service=event-bus&tab=definition`);
    await page.locator(".cm-own").first().getByText("[service.event-bus]").waitFor();
    await axe(page, "definition of a service");
  });
  assert.deepEqual(complaints, [], "the console is quiet");
  await context.close();
}
