// The graph taken along: what is chosen from the menu by keys is a file that others can read, and where it lies is said.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

export async function taken({ step, visit, axe, dark, words }) {
  const { page, context, complaints } = await visit({ dark }, "/topology?fake=150&scene=incident");
  await step(`${words}: the topology is taken along as SVG, PNG and Mermaid, by keys`, async () => {
    await page.locator('[data-testid="topology-canvas"][data-nodes="152"]').waitFor();
    const edges = Number(await page.getByTestId("topology-canvas").getAttribute("data-edges"));
    const files = {};
    for (const [nth, format] of ["svg", "png", "mmd"].entries()) {
      await page.getByTestId("topology-export").focus();
      await page.keyboard.press("Enter");
      await page.getByTestId("topology-export-svg").waitFor();
      if (nth === 0) await axe(page, "the menu of exports");
      for (let at = 0; at < nth; at += 1) await page.keyboard.press("ArrowDown");
      const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
      assert.match(download.suggestedFilename(), new RegExp(`^[\\w.-]+-topology-[\\dT-]+\\.${format}$`));
      files[format] = readFileSync(await download.path());
      assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("data-testid")), "topology-export", "the focus comes back");
      assert.equal(await page.getByTestId("saved-path").innerText(), `/home/ada/Downloads/${download.suggestedFilename()}`, "where it lies is said");
    }
    await axe(page, "the notice of a saved file");
    await page.getByTestId("saved-dismiss").focus();
    await page.keyboard.press("Enter");
    await page.getByTestId("saved").waitFor({ state: "detached" });
    const svg = await page.evaluate((text) => {
      const read = new DOMParser().parseFromString(text, "image/svg+xml");
      const titles = [...read.querySelectorAll("g > title")].map((title) => title.textContent);
      return { wrong: read.querySelector("parsererror")?.textContent ?? null, failing: titles.filter((title) => /: Failing/.test(title)).length, services: titles.filter((title) => title.includes(": ")).length };
    }, files.svg.toString());
    assert.deepEqual(svg, { wrong: null, failing: svg.failing, services: 152 });
    assert.ok(svg.failing > 0, "who fails is said");
    const png = await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const canvas = new OffscreenCanvas(64, 64);
      const ctx = canvas.getContext("2d");
      ctx.drawImage(image, 0, 0, 64, 64);
      const { data } = ctx.getImageData(0, 0, 64, 64);
      return { width: image.width, height: image.height, colours: new Set(Array.from({ length: 64 * 64 }, (_, at) => data.slice(at * 4, at * 4 + 4).join())).size };
    }, files.png.toString("base64"));
    assert.ok(png.width > 2_000 && png.height > 1_000 && png.colours > 50, JSON.stringify(png));
    const mermaid = files.mmd.toString();
    assert.equal(mermaid.match(/ --> /g)?.length, edges);
    assert.equal(mermaid.match(/ {4}s\d+\[/g)?.length, 152);
  });
  await step(`${words}: Escape and a click elsewhere close the menu`, async () => {
    const [button, item] = [page.getByTestId("topology-export"), page.getByTestId("topology-export-svg")];
    await button.click();
    await item.waitFor();
    await page.keyboard.press("Escape");
    await item.waitFor({ state: "detached" });
    await button.click();
    await item.waitFor();
    await page.getByTestId("overall").click({ position: { x: 2, y: 2 }, force: true });
    await item.waitFor({ state: "detached" });
  });
  assert.deepEqual(complaints, []);
  await context.close();
}
