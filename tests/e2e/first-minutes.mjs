// A newcomer's first five minutes in the real window: from an empty home to a cluster that fails, is
// understood, mended, stopped and brought back. Run it with tests/e2e/display.

import fs from "node:fs";
import path from "node:path";
import { Home } from "./lib/azora.mjs";
import * as room from "./lib/control-room.mjs";
import { Notifications } from "./lib/notifications.mjs";
import { endAll, lives } from "./lib/processes.mjs";
import { Story } from "./lib/story.mjs";
import { until } from "./lib/wait.mjs";
import { openWindow, screen } from "./lib/window.mjs";

/** `api` cannot run before somebody has written its configuration, and says so. */
const DEFINITION = `[cluster]
name = "shop"

[service.db]
run = "organ --name db --port \${self.port}"
health = { http = "/health" }

[service.api]
run = '''sh -c 'test -f config.json || { echo "error: config.json is missing" >&2; exit 3; }; exec organ --name api --port \${self.port}' '''
ready = { http = "/health" }
needs = ["db"]
heal = { ladder = ["restart"], budget = "1 per 1m" }

[service.web]
run = "organ --name web --port \${self.port}"
ready = { http = "/health" }
needs = ["api"]
`;
/** That long a newcomer is given for all of it. */
const FIVE_MINUTES = 300_000;

await Story.tell("the first five minutes", FIVE_MINUTES, async (story) => {
  const home = new Home();
  story.afterwards(() => home.close());
  story.afterwards(endAll);
  const folder = path.join(home.path, "src", "shop");
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, "azora.toml"), DEFINITION);
  story.onFailure(() => screen("first-minutes-failed"));
  const bus = await Notifications.listen(home.log("first-minutes-bus"));
  let ui;

  await story.step("the window opens, and offers to open a folder", async () => {
    ui = await openWindow(home, []);
    story.afterwards(() => ui.close());
    screen("first-minutes-empty");
    await ui.click("open-folder");
  });

  await story.step("the folder is looked at before it is trusted, and run", async () => {
    await ui.fill("folder-path", folder);
    await ui.click("folder-look");
    await ui.text("open-folder-dialog", (text) => /never run here/.test(text) && text.includes("config.json"));
    screen("first-minutes-look");
    if (home.json("status").clusters.length > 0) throw new Error("it runs before anybody trusted it");
    await ui.click("trust-confirm");
    await until("db to be ready", () => home.instance(folder, "db").state === "ready");
  });

  let incident;
  await story.step("the failing service is told of by a notification", async () => {
    await until("api to be given up", () => home.instance(folder, "api").state === "quarantined", 60_000);
    const notice = await bus.about(/^api/);
    if (bus.all().length !== 1) throw new Error(`more than one: ${JSON.stringify(bus.all())}`);
    const incidents = home.json("incidents");
    if (incidents.length !== 1) throw new Error(`${incidents.length} incidents`);
    incident = incidents[0];
    await ui.text("overall", (text) => /critical|degraded/i.test(text));
    return `"${notice.title}": ${notice.body}`;
  });

  await story.step("a click on it opens the incident, which says why", async () => {
    await until("the notification to be drawn", () => screen("first-minutes-notified"));
    await bus.click();
    const text = await ui.text("incident-detail", (text) => text.includes("config.json is missing"));
    const shown = await ui.run(`return document.querySelector("[data-testid='incident-detail']").dataset.incident`);
    if (shown !== `${incident.id}`) throw new Error(`it shows incident ${shown}, not ${incident.id}`);
    if (!/azora release api|a person/.test(text)) throw new Error(`it does not say what to do: ${text}`);
    screen("first-minutes-incident");
  });

  await story.step("the service is found on the graph, and its panel says why it is down", async () => {
    await room.clickNode(ui, "api");
    await ui.text("panel-state", (text) => /exited with code 3/.test(text));
    screen("first-minutes-panel");
  });

  await story.step("what waits for it says so", async () => {
    const web = home.instance(folder, "web");
    if (web.state !== "waiting" || web.restarts > 0) throw new Error(JSON.stringify(web));
  });

  await story.step("mended and released, everything is ready, and the incident is over", async () => {
    fs.writeFileSync(path.join(folder, "config.json"), "{}\n");
    await ui.click("act-release");
    await room.ready(ui, home, folder);
    await until("the incident to be over", () => {
      const [{ state }] = home.json("incidents");
      return !["open", "quarantined"].includes(state) && state;
    });
  });

  await story.step("healing can be held, and goes on", async () => {
    await ui.click("act-hold");
    await ui.text("hold", (text) => /held/.test(text));
    if (!home.instance(folder, "api").marks.held) throw new Error("the engine does not hold it");
    await ui.click("act-unhold");
    await until("healing to go on", () => !home.instance(folder, "api").marks.held);
  });

  const running = () => home.ps(folder).instances;
  let before;
  await story.step("the red button stops everything", async () => {
    before = running();
    return room.emergencyStop(ui, before);
  });

  await story.step("and everything is brought back", async () => {
    await ui.click("emergency-close");
    await ui.click("place-clusters");
    await ui.click("resume");
    const after = await room.ready(ui, home, folder);
    const same = after.filter((one) => before.some((old) => old.pid === one.pid));
    if (same.length > 0) throw new Error(`${same[0].instance} was not stopped`);
    if (after.some((one) => !lives(one.pid))) throw new Error("one does not live");
    screen("first-minutes-back");
  });
});
