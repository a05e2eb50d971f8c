// Writes a picture of every place, in light and dark, at two sizes, with 3, 150 and 1,000 services, with and
// without an incident, to `screenshots/`. Words take only those: `npm run screenshots -- topology dark`. "150" is the
// demo cluster, which has 152 services; "mixed" are containers and processes in one cluster,
// "jobs" what runs by a schedule and a daemon that may end.

import { mkdir, writeFile } from "node:fs/promises";
import { FAKE, launch, open, rest, serve } from "./harness.mjs";

const only = process.argv.slice(2);
const SIZES = [[1280, 800], [1920, 1080]];
/** Name, place, what else its address says, what is done there first, and with how many services if not 150. */
const SHOTS = [
  ["clusters", "clusters"],
  ["topology", "topology"],
  ["panel", "topology", "service"],
  ["panel-logs", "topology", "service&tab=logs"],
  ["topology-table", "topology", "view=table"],
  ["services", "services"],
  ["service", "service", "service"],
  ["service-logs", "service", "service&tab=logs"],
  ["service-terminal", "service", "service&tab=terminal"],
  ["service-definition", "service", "service&tab=definition"],
  ["service-environment", "service", "service&tab=environment"],
  ["service-history", "service", "service&tab=history"],
  ["incidents", "incidents"],
  ["logs", "logs", "of=api-gateway,event-bus"],
  ["definition", "definition"],
  ["registry", "registry"],
  ["registry-how", "registry", "", "register"],
  ["registry-own", "registry", "show=registered"],
  ["gateway", "gateway"],
  ["gateway-route", "gateway", "route"],
  ["gateway-requests", "gateway", "show=requests"],
  ["gateway-try", "gateway", "route&tab=try", "tried"],
  ["governance", "governance"],
  ["decisions", "governance", "show=decisions"],
  ["approvals", "governance", "show=approvals"],
  ["rules", "governance", "show=rules"],
  ["ledger", "governance", "show=ledger"],
  ["activity", "activity"],
  ["acts", "activity", "show=acts"],
  ["settings", "settings"],
  ["muted", "settings", "", "muted"],
  ["panel-muted", "topology", "service", "muted"],
  ["bell", "topology", "service", "bell"],
  ["style", "style"],
  ["empty", ""],
  ["emergency", "topology", "", "emergency"],
  ["palette", "topology", "", "palette"],
  ["keys", "topology", "", "keys"],
  ["rehearsal", "topology", "rehearse=1", "rehearsal"],
  ["folder", "clusters", "", "folder"],
  ["folder-risks", "clusters", "", "folder-risks"],
  ["folder-broken", "clusters", "", "folder-broken"],
  ["palette-category", "topology", "", "palette-category"],
  ["held", "topology", "service", "held"],
  ["quarantined", "topology", "service=staking-service"],
  ["zoomed-in", "topology", "", "zoomed-in"],
  ["stopped", "clusters", "", "stopped"],
  ["starting", "topology", "", "starting"],
  ["unknown-cluster", "topology", "cluster=gone"],
  ["terminal", "service", "service=web&tab=terminal", "", "mixed"],
  ["mixed-clusters", "clusters", "", "", "mixed"],
  ["mixed-topology", "topology", "", "", "mixed"],
  ["mixed-services", "services", "", "", "mixed"],
  ["mixed-container", "topology", "service=api", "", "mixed"],
  ["mixed-oneshot", "topology", "service=migrate", "", "mixed"],
  ["mixed-part", "topology", "service=adminer", "", "mixed"],
  ["jobs-clusters", "clusters", "", "", "jobs"],
  ["jobs-topology", "topology", "", "", "jobs"],
  ["jobs-services", "services", "", "", "jobs"],
  ["jobs-scheduled", "service", "service=nightly-backup", "", "jobs"],
  ["jobs-not-yet", "topology", "service=prune-sessions", "", "jobs"],
  ["jobs-completed", "service", "service=warm-cache", "", "jobs"],
];
/** Small and large clusters are only looked at where their size shows, and incidents where they do. */
const SIZED = new Set(["clusters", "topology", "panel", "services", "service", "incidents", "registry"]);
const CALM = new Set(["folder-risks", "folder-broken", "palette-category", "held", "stopped", "starting", "unknown-cluster", "zoomed-in", "terminal", "mixed-services", "mixed-oneshot", "mixed-part", "jobs-clusters", "jobs-topology", "jobs-services", "jobs-scheduled", "jobs-not-yet", "jobs-completed", "style", "empty", "palette", "keys", "rehearsal", "folder", "settings", "muted", "panel-muted", "bell"]);
/** What only goes with an incident. */
const TROUBLE = new Set(["quarantined"]);
/** Which service is looked at: one that an incident concerns. */
const SERVICES = { 3: "api", 150: "api-gateway", 1000: "service-0007" };

/** So high is a service, in CSS pixels, when its curve is drawn, or nearly. */
const NEAR = 38;

const out = new URL("../screenshots/", import.meta.url);
await mkdir(out, { recursive: true });
const host = await serve(FAKE);
const browser = await launch();
let taken = 0;
for (const dark of [false, true]) {
  for (const [width, height] of SIZES) {
    for (const count of [3, 150, 1000, "mixed", "jobs"]) {
      for (const scene of ["calm", "incident"]) {
        for (const [name, place, query = "", does = "", many = 150] of SHOTS) {
          if (count !== many && !(SIZED.has(name) && typeof count === "number")) continue;
          if (scene === "incident" ? CALM.has(name) : TROUBLE.has(name)) continue;
          const file = `${name}-${count}-${scene}-${dark ? "dark" : "light"}-${width}.png`;
          if (only.length > 0 && !only.every((word) => file.includes(word))) continue;
          const { page, context } = await open(browser, { width, height, dark });
          const params = new URLSearchParams(query);
          params.set("fake", name === "empty" ? "empty" : String(count));
          params.set("scene", scene);
          if (params.get("route") === "") params.set("route", "api-gateway.azora-os.localhost");
          if (params.get("service") === "") {
            await page.goto(`${host.origin}/clusters?${new URLSearchParams({ fake: String(count) })}`);
            await page.waitForFunction(() => window.__fake !== undefined);
            params.set("service", await page.evaluate((wanted) => {
              const services = window.__fake.world.snapshot().clusters[0].services.map((each) => each.name);
              return services.includes(wanted) ? wanted : services[Math.floor(services.length / 2)];
            }, SERVICES[count]));
          }
          await page.goto(`${host.origin}/${place}?${params}`);
          await page.getByTestId("overall").waitFor();
          if (name === "panel" || name === "service") await page.getByTestId("health-chart").waitFor();
          if (name.endsWith("logs")) await page.getByTestId("log-line").first().waitFor();
          // A worker draws it: until it has, a page at rest is an empty one.
          if (place === "topology" && !/view=|cluster=/.test(query)) await page.waitForFunction((near) => {
            const { drawn, nodes } = window.__azora?.topology ?? {};
            return drawn?.() > 0 && (nodes().every((each) => each.height < near) || nodes().some((each) => each.curve > 1));
          }, NEAR);
          if (does === "emergency") await page.getByTestId("emergency-open").click();
          if (does === "muted") await page.evaluate(() => {
            const { world } = window.__fake;
            const [cluster] = world.clusters.keys();
            world.mute(cluster, ["api-gateway"]);
            world.mute(cluster, ["event-bus"], 7_200_000);
            world.mute(null, [], 1_800_000);
          });
          if (does === "held") await page.getByTestId("act-hold").click();
          if (does === "zoomed-in") {
            await page.getByTestId("topology-canvas").focus().catch(() => {});
            await page.getByRole("button", { name: "Zoom in" }).click({ clickCount: 5, delay: 60 });
          }
          if (does === "stopped") {
            await page.evaluate(() => window.__fake.world.emergency("the fan sounded wrong"));
            await page.getByTestId("resume").waitFor();
          }
          if (does === "starting") await page.evaluate(() => {
            const { world } = window.__fake;
            const [[id, cluster]] = world.clusters;
            cluster.services.forEach(({ name, needs }, nth) => {
              if (needs.length > 2) world.set(id, `${name}.0`, "waiting", `waiting for ${needs[0]} to be ready`);
              else if (nth % 3 === 0) world.set(id, `${name}.0`, "starting", "its process is being made");
              else if (nth % 3 === 1) world.set(id, `${name}.0`, "running", "waiting for GET /health to pass");
            });
          });
          if (place === "gateway") await page.getByTestId("gateway-overview").waitFor();
          if (does === "register") await page.getByTestId("register").click();
          if (does === "tried") {
            await page.getByTestId("try-send").click();
            await page.getByTestId("try-answer").waitFor();
          }
          if (does === "bell") await page.getByTestId("act-mute").click();
          if (does === "keys") await page.keyboard.press("?");
          if (does === "palette") {
            await page.keyboard.press("Control+k");
            await page.getByTestId("palette-input").fill("azora");
          }
          if (does === "palette-category") {
            await page.keyboard.press("Control+k");
            await page.getByTestId("palette-input").fill("bring up");
          }
          if (does === "rehearsal") {
            await page.getByTestId("rehearsal-run").click();
            await page.getByTestId("rehearsal-result").waitFor();
          }
          if (does.startsWith("folder")) {
            await page.getByTestId("open-folder").click();
            await page.getByTestId("folder-path").fill(`/home/mira/code/${{ "folder-risks": "agent", "folder-broken": "broken" }[does] ?? "shop-next"}`);
            await page.getByTestId("folder-look").click();
            await (does === "folder-broken" ? page.getByRole("dialog").locator("pre") : page.getByTestId("trust-confirm")).waitFor();
          }
          await writeFile(new URL(file, out), await rest(page));
          await context.close();
          taken += 1;
        }
      }
    }
  }
}
await browser.close();
host.close();
console.log(`${taken} pictures in screenshots/`);
