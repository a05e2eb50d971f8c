// Pictures of the topology from far, middle and near, of 3, 150 and 1,000 services, calm and in an
// incident, in light and dark, into `screenshots/topology/`. Names words to take only some: `-- near dark`.

import { mkdir, writeFile } from "node:fs/promises";
import { FAKE, launch, open, rest, serve } from "./harness.mjs";

const only = process.argv.slice(2);
const out = new URL("../screenshots/topology/", import.meta.url);
await mkdir(out, { recursive: true });
const host = await serve(FAKE);
const browser = await launch();
let taken = 0;
for (const dark of [false, true]) {
  for (const count of [3, 150, 1000]) {
    for (const scene of ["calm", "incident"]) {
      for (const [width, height] of [[1280, 800], [1920, 1080]]) {
        const wanted = ["far", "mid", "near"].filter((from) => {
          const name = `${count}-${scene}-${from}-${dark ? "dark" : "light"}-${width}`;
          return only.every((word) => name.split("-").includes(word));
        });
        if (wanted.length === 0) continue;
        const { page, context } = await open(browser, { width, height, dark });
        await page.goto(`${host.origin}/topology?fake=${count}${scene === "incident" ? "&scene=incident" : ""}`);
        await page.locator('[data-testid="topology-canvas"]').waitFor();
        const box = await page.getByTestId("topology-canvas").boundingBox();
        for (const from of wanted) {
          await page.getByTestId("topology-fit").click();
          // The root of the incident if there is one, else something in the middle.
          const at = await page.evaluate(() => {
            const nodes = window.__azora.topology.nodes();
            return nodes.find((each) => ["failing", "recovering"].includes(each.state)) ?? nodes[nodes.length >> 1];
          });
          const [x, y] = from === "near" ? [at.x, at.y] : [box.x + box.width / 2, box.y + box.height / 2];
          await page.mouse.move(x, y);
          const turns = { far: 6, mid: 0, near: -40 }[from];
          for (let turn = 0; turn < Math.abs(turns); turn += 1) {
            const scale = await page.evaluate(() => window.__azora.topology.nodes()[0].height / 42);
            if (from === "near" && scale >= 0.95) break;
            await page.mouse.wheel(0, Math.sign(turns) * 80);
          }
          await page.mouse.move(box.x + 4, box.y + 4);
          await writeFile(new URL(`${count}-${scene}-${from}-${dark ? "dark" : "light"}-${width}.png`, out), await rest(page));
          taken += 1;
        }
        await context.close();
      }
    }
  }
}
await browser.close();
host.close();
console.log(`${taken} pictures in screenshots/topology/`);
