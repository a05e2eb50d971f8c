// Holds a few places against pictures of them that are kept in `pictures/`. The clock begins at a fixed moment,
// the simulated home has a fixed seed, nothing moves, the letters are the product's own. Pictures are compared at half size,
// so that how an edge is smoothed makes no difference.
//
//   npm run visual              compares; what differs is written to screenshots/visual
//   npm run visual -- --bless   takes them anew: look at them before they are committed

import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { FAKE, launch, open, serve } from "./harness.mjs";

const bless = process.argv.includes("--bless");
const KEPT = new URL("pictures/", import.meta.url);
const OUT = new URL("../screenshots/visual/", import.meta.url);
const SIZE = { width: 1280, height: 800, density: 2 };
/** A channel that differs by less is the same to the eye. */
const SEEN = 40;
/** So many of a thousand pixels may differ: a control that moved is more. */
const PER_MILLE = 1;
const NOW = new Date("2026-11-28T12:00:00Z");
const SHOTS = [
  ["clusters", "/clusters?fake=150"],
  ["service", "/service?fake=150&service=email-service"],
  ["environment", "/service?fake=150&service=email-service&tab=environment"],
  ["incidents", "/incidents?fake=150"],
  ["registry", "/registry?fake=150"],
  ["gateway", "/gateway?fake=150&scene=incident&route=payment-gateway.azora-os.localhost"],
  ["governance", "/governance?fake=150&scene=incident"],
  ["topology", "/topology?fake=150"],
  ["topology-incident", "/topology?fake=150&scene=incident"],
  ["topology-many", "/topology?fake=1000"],
];
/** Tenths of a second that pass before a picture is taken. */
const PASSES = 25;
/** A worker draws by a clock that is not the page's: it is done when pictures stay the same. */
const SETTLED_WITHIN = 40;

const host = await serve(FAKE);
// Letters are drawn the same on every machine: without hinting, and at twice the density, where their places are not rounded.
const browser = await launch({
  more: ["--force-device-scale-factor=2", "--disable-lcd-text", "--force-color-profile=srgb"],
  env: { FONTCONFIG_FILE: fileURLToPath(new URL("fonts.conf", import.meta.url)) },
});
await mkdir(KEPT, { recursive: true });
await mkdir(OUT, { recursive: true });
const judge = await (await browser.newContext()).newPage();

/** Half as large as it is seen, as PNG. */
function halve(png) {
  return judge.evaluate(async ([source, width, height]) => {
    const image = await createImageBitmap(new Blob([Uint8Array.from(atob(source), (char) => char.charCodeAt(0))]));
    const canvas = new OffscreenCanvas(width, height);
    const ctx = canvas.getContext("2d");
    ctx.imageSmoothingQuality = "high";
    ctx.drawImage(image, 0, 0, canvas.width, canvas.height);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
    return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
  }, [png.toString("base64"), SIZE.width / 2, SIZE.height / 2]).then((text) => Buffer.from(text, "base64"));
}

/** Pixels that differ, of how many. */
function compare(one, other) {
  return judge.evaluate(
    async ([one, other, seen]) => {
      const pixels = async (source) => {
        const image = await createImageBitmap(new Blob([Uint8Array.from(atob(source), (char) => char.charCodeAt(0))]));
        const ctx = new OffscreenCanvas(image.width, image.height).getContext("2d");
        ctx.drawImage(image, 0, 0);
        return ctx.getImageData(0, 0, image.width, image.height);
      };
      const [a, b] = [await pixels(one), await pixels(other)];
      if (a.width !== b.width || a.height !== b.height) return { differ: Infinity, all: 1 };
      let differ = 0;
      for (let at = 0; at < a.data.length; at += 4) {
        if ([0, 1, 2].some((channel) => Math.abs(a.data[at + channel] - b.data[at + channel]) > seen)) differ += 1;
      }
      return { differ, all: a.data.length / 4 };
    },
    [one.toString("base64"), other.toString("base64"), SEEN],
  );
}

/** What the page shows once what it shows stays. */
async function settled(page) {
  const shoot = () => page.screenshot({ animations: "disabled", caret: "hide" });
  const drawn = () => page.evaluate(() => document.querySelector('[data-testid="topology-canvas"]') === null || (window.__azora?.topology.drawn() ?? null) !== null);
  let before = null;
  for (let turn = 0; turn < SETTLED_WITHIN; turn += 1) {
    // Frames come by the page's clock; only so much of it that the simulated home does not go on.
    await page.clock.runFor(17);
    // Asked before: it may be drawn while the picture is taken.
    const there = await drawn();
    const now = await shoot();
    if (there && before !== null && now.equals(before)) return now;
    before = there ? now : null;
  }
  throw new Error(`what is shown at ${page.url()} does not come to rest`);
}

let failed = 0;
for (const dark of [false, true]) {
  for (const [name, path] of SHOTS) {
    const { page, context } = await open(browser, { ...SIZE, dark, locale: "en-GB", timezone: "UTC" });
    // The clock stands from the beginning: on a busy machine the simulated home would go on while pictures are taken.
    // It cannot be set back, and runs until it is stopped.
    await page.clock.install({ time: new Date(NOW.getTime() - 3_600_000) });
    await page.clock.pauseAt(NOW);
    await page.goto(host.origin + path, { waitUntil: "networkidle" });
    // Answers of the simulated host take their time; so much passes at once, and then none.
    for (let step = 0; step < PASSES; step += 1) await page.clock.runFor(100);
    await page.getByTestId("overall").waitFor();
    await page.evaluate(() => document.fonts.ready.then(() => undefined));
    const taken = await halve(await settled(page));
    await context.close();
    const file = `${name}-${dark ? "dark" : "light"}.png`;
    if (bless) {
      await writeFile(new URL(file, KEPT), taken);
      console.log(`taken ${file}`);
      continue;
    }
    if (!existsSync(new URL(file, KEPT))) throw new Error(`there is no picture ${file} yet: npm run visual -- --bless`);
    const { differ, all } = await compare(await readFile(new URL(file, KEPT)), taken);
    const share = (differ / all) * 1_000;
    const well = share <= PER_MILLE;
    console.log(`${well ? "ok  " : "FAIL"} ${file}: ${share.toFixed(2)} ‰ differ`);
    if (!well) {
      failed += 1;
      await writeFile(new URL(file, OUT), taken);
    }
  }
}
await browser.close();
host.close();
if (failed > 0) {
  console.log(`${failed} pictures differ; what was seen is in screenshots/visual`);
  process.exitCode = 1;
}
