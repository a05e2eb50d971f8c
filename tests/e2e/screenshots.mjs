// The README's pictures: nothing staged but the moment. A service is ended again and again so
// that there is an incident to see, and healing deals with it.

import fs from "node:fs";
import path from "node:path";
import { DEMO, Home } from "./lib/azora.mjs";
import { open, Page } from "./lib/browser.mjs";
import * as room from "./lib/control-room.mjs";
import { endAll, lives, run, signal } from "./lib/processes.mjs";
import { Story } from "./lib/story.mjs";
import { until } from "./lib/wait.mjs";

const SHOWN = "azora-mint";
const ENDED = "azora-covenant";
const OUT = path.resolve(process.argv[2] ?? "docs/screenshots");

await Story.tell(`pictures of the demo cluster in ${OUT}`, 600_000, async (story) => {
  fs.mkdirSync(OUT, { recursive: true });
  const home = new Home();
  story.afterwards(() => home.close());
  story.afterwards(endAll);
  const folder = home.copy(DEMO);
  await home.serve("screenshots-engine");
  home.azora("up", folder, "--trust", "--detach");
  const browser = await open();
  story.afterwards(() => browser.close());

  const pages = {};
  for (const scheme of ["light", "dark"]) {
    const page = await Page.open(browser, home.address(), { scheme, width: 1440, height: 900 });
    pages[scheme] = Object.assign(page, { scheme });
  }
  const both = (act) => Promise.all(Object.values(pages).map(act));
  const take = async (name) => {
    const taken = await both(async (page) => [page.scheme, await page.screenshot()]);
    for (const [scheme, picture] of taken) {
      const file = path.join(OUT, scheme === "light" ? `${name}.png` : `${name}-dark.png`);
      fs.writeFileSync(file, picture);
      // A palette is a quarter of the size, and the eye sees no difference.
      run("convert", [file, "-strip", "-dither", "None", "-colors", "255", `PNG8:${file}`]);
    }
  };

  await story.step("topology", async () => {
    await both((page) => room.ready(page, home, folder));
    await both((page) => page.click("place-topology"));
    await both((page) => until("the graph", () => page.run("return Boolean(window.__azora && window.__azora.topology.nodes().length)")));
    await both((page) => page.run("window.__azora.topology.fit()"));
    // The tiles are drawn in a worker; the picture has come to rest when it stays the same.
    await both((page) => still(page));
    await take("topology");
  });

  await story.step("an incident while it lasts", async () => {
    // Each time it is ended, healing waits longer; the fourth time it is 5 s.
    for (let time = 0; time < 4; time += 1) {
      const { pid } = await until(`${ENDED} to run`, () => {
        const now = home.instance(folder, ENDED);
        return now.pid && lives(now.pid) ? now : null;
      });
      signal(pid, "SIGKILL");
    }
    await both((page) => page.text("overall", (text) => /incident/i.test(text)));
    await take("incident");
    await both((page) => room.ready(page, home, folder));
  });

  await story.step("a service", async () => {
    await both((page) => room.clickNode(page, SHOWN));
    await both((page) => room.chartMoves(page));
    await take("service");
    await both((page) => room.logMoves(page));
    await take("logs");
  });

  await story.step("what an emergency stop would do", async () => {
    await both((page) => page.click("emergency-open"));
    await both((page) => page.text("emergency-dialog", (text) => /This ends/.test(text)));
    await take("emergency");
  });
});

/** Resolves when two looks in a row are the same. */
async function still(page) {
  let before = "";
  await until("the picture to come to rest", async () => {
    const now = (await page.screenshot()).toString("base64");
    const same = now === before;
    before = now;
    return same;
  }, 10_000).catch(() => {
    // CPU and memory change for ever on some places; then any moment is as good as another.
  });
}
