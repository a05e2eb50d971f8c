// Writes a picture of every place, in light and dark, at two sizes and with 3, 150 and 1,000 services, to
// `screenshots/`. Names one or more words to take only those: `npm run screenshots -- topology dark`.

import { mkdir } from "node:fs/promises";
import { FAKE, launch, open, serve } from "./harness.mjs";

const only = process.argv.slice(2);
const SIZES = [[1280, 800], [1920, 1080]];
const SHOTS = [
  ["empty", "", "empty=1"],
  ["clusters", "clusters"],
  ["topology", "topology"],
  ["panel", "topology", "service=api"],
  ["panel-logs", "topology", "service=api&tab=logs"],
  ["service", "service", "service=api"],
  ["service-logs", "service", "service=api&tab=logs"],
  ["service-environment", "service", "service=api&tab=environment"],
  ["service-history", "service", "service=api&tab=history&scene=incident"],
  ["services", "services"],
  ["incident", "topology", "scene=incident"],
  ["incidents", "incidents", "scene=incident"],
  ["registry", "registry"],
  ["activity", "activity", "scene=incident"],
  ["settings", "settings"],
  ["emergency", "topology", "shot=emergency"],
  ["palette", "topology", "shot=palette"],
  ["rehearsal", "topology", "rehearse=1&shot=rehearsal"],
  ["folder", "clusters", "shot=folder"],
];
/** Small and large clusters are only looked at where their size shows. */
const SIZED = new Set(["clusters", "topology", "panel", "services"]);

const out = new URL("../screenshots/", import.meta.url);
await mkdir(out, { recursive: true });
const host = await serve(FAKE);
const browser = await launch();
let taken = 0;
for (const dark of [false, true]) {
  for (const [width, height] of SIZES) {
    for (const count of [3, 150, 1000]) {
      for (const [name, place, query = ""] of SHOTS) {
        if (count !== 150 && !SIZED.has(name)) continue;
        const file = `${name}-${count}-${dark ? "dark" : "light"}-${width}.png`;
        if (only.length > 0 && !only.every((word) => file.includes(word))) continue;
        const { page, context } = await open(browser, { width, height, dark });
        const params = new URLSearchParams(query);
        if (params.has("service")) params.set("service", count === 3 ? "api" : "api-gateway");
        params.set("fake", name === "empty" ? "empty" : String(count));
        await page.goto(`${host.origin}/${place}?${params}`);
        await page.getByTestId("overall").waitFor();
        if (name === "panel" || name === "service") {
          await page.getByTestId("health-chart").waitFor();
          await page.waitForTimeout(1_200);
        }
        if (name.endsWith("-logs")) await page.getByTestId("log-line").first().waitFor();
        const dialog = params.get("shot");
        if (dialog === "emergency") await page.getByTestId("emergency-open").click();
        if (dialog === "palette") {
          await page.keyboard.press("Control+k");
          await page.getByTestId("palette-input").fill("azora");
        }
        if (dialog === "rehearsal") {
          await page.getByTestId("rehearsal-run").click();
          await page.getByTestId("rehearsal-result").waitFor();
        }
        if (dialog === "folder") {
          await page.getByTestId("open-folder").click();
          await page.getByTestId("folder-path").fill("/home/mira/code/shop-next");
          await page.getByTestId("folder-look").click();
          await page.getByTestId("trust-confirm").waitFor();
        }
        await page.waitForTimeout(500);
        await page.screenshot({ path: new URL(file, out).pathname });
        await context.close();
        taken += 1;
      }
    }
  }
}
await browser.close();
host.close();
console.log(`${taken} pictures in screenshots/`);
