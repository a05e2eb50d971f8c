// The real window, driven from outside as a person would: run it with tests/e2e/display.

import fs from "node:fs";
import path from "node:path";
import { DEMO, Home, program } from "./lib/azora.mjs";
import * as room from "./lib/control-room.mjs";
import { appProcesses } from "./lib/measure.mjs";
import { Notifications } from "./lib/notifications.mjs";
import { endAll, lives, run, signal } from "./lib/processes.mjs";
import { Story } from "./lib/story.mjs";
import { until } from "./lib/wait.mjs";
import { openWindow, screen, windowNamed } from "./lib/window.mjs";
import { close } from "./lib/x11.mjs";

const CLICKED = "api-gateway";
const KILLED = "elara-core";

await Story.tell("the real window", 900_000, async (story) => {
  const home = new Home();
  story.afterwards(() => home.close());
  story.afterwards(endAll);
  const folder = home.copy(DEMO);
  let ui;
  let engine;

  story.onFailure(() => screen("window-failed"));
  const bus = await Notifications.listen(home.log("window-bus"));

  await story.step("the window opens on the demo cluster", async () => {
    const began = Date.now();
    ui = await openWindow(home, ["--trust", folder]);
    return `page there after ${Date.now() - began} ms`;
  });
  story.afterwards(() => ui?.close());

  let instances;
  await story.step("every service becomes ready, and the window says so", async () => {
    await until("the engine to answer", () => (engine = home.json("status").engine).api);
    instances = await room.ready(ui, home, folder);
    screen("window-ready");
    return `${instances.length} instances`;
  });

  // It is drawn already: whatever draws it is loaded.
  if (!fs.existsSync("/dev/dri")) {
    await story.step("without a graphics card the app itself loads no driver of one", () => {
      const drivers = fs.readFileSync(`/proc/${engine.pid}/maps`, "utf8").match(/\S*(?:_dri\.so|libLLVM\S*)/g);
      if (drivers !== null) throw new Error([...new Set(drivers)].join(", "));
    });
  }

  await story.step("the page's process has as much room for compiled code as it was told", () => {
    const web = appProcesses(engine.pid).find((one) => one.name.startsWith("WebKitWebProc"));
    const ranges = fs.readFileSync(`/proc/${web.pid}/maps`, "utf8").matchAll(/^([0-9a-f]+)-([0-9a-f]+) rwxp/gm);
    const kib = [...ranges].reduce((sum, [, from, to]) => sum + (parseInt(to, 16) - parseInt(from, 16)) / 1024, 0);
    // Untold it has a gigabyte. A switch that has another name one day does nothing.
    if (kib > 8 * 1024) throw new Error(`${kib} KiB`);
    return `${kib} KiB`;
  });

  await story.step("a click on a node opens its panel", () => room.clickNode(ui, CLICKED));
  await story.step("the health chart moves", () => room.chartMoves(ui));
  await story.step("the log goes on", () => room.logMoves(ui));

  await story.step("a second start hands its folder to the first, which asks before it runs it", async () => {
    const second = path.join(home.path, "src", "second");
    fs.mkdirSync(second);
    fs.writeFileSync(path.join(second, "azora.toml"), '[service.sleeper]\nrun = "sleep 600"\n');
    run(program("azora-desktop"), [second], { env: home.env });
    await ui.text("open-folder-dialog", (text) => /never run here/.test(text) && text.includes("sleep 600"));
    if (home.json("status").clusters.length !== 1) throw new Error("it did not ask");
    await ui.click("trust-confirm");
    await until("its service to run", () => home.ps(second).instances.every((one) => one.pid && ["running", "ready"].includes(one.state)));
  });

  await story.step("a killed service is healed, and a native notification says so", async () => {
    const { before, after } = await room.killAndHeal(home, folder, KILLED);
    const incident = await until("the incident to be over", () => room.oneIncident(home, KILLED));
    const notice = await bus.about(new RegExp(`^${KILLED} was healed$`));
    if (!/SIGKILL/.test(notice.body)) throw new Error(`it does not say why: ${notice.body}`);
    if (bus.all().length !== 1) throw new Error(`more than one: ${JSON.stringify(bus.all())}`);
    await until("the notification to be drawn", () => screen("window-healed"));
    return `pid ${before.pid} → ${after.pid} in ${incident.duration_ms} ms; "${notice.title}"`;
  });

  await story.step("the window's engine is killed, and no service notices", async () => {
    const before = home.ps(folder).instances;
    signal(engine.pid, "SIGKILL");
    await until("the app to be gone", () => !lives(engine.pid));
    await ui.close().catch(() => {});
    const dead = before.filter((one) => one.pid && !lives(one.pid));
    if (dead.length > 0) throw new Error(`${dead.length} died with it, first: ${dead[0].instance}`);
    ui = await openWindow(home, []);
    const after = await until("the next engine to adopt them", () => {
      const { instances } = home.ps(folder);
      const ready = instances.filter((one) => one.state === "ready");
      return ready.length === before.length ? instances : null;
    });
    const pids = new Map(after.map((one) => [one.instance, one.pid]));
    const moved = before.filter((one) => one.pid !== pids.get(one.instance));
    if (moved.length > 0) throw new Error(`${moved.length} were restarted, first: ${moved[0].instance}`);
    engine = home.json("status").engine;
  });

  await story.step("closing asks, and what is left running gets a headless engine", async () => {
    const before = home.ps(folder).instances;
    await close(windowNamed("Azora"));
    const dialog = await until("the question", () => windowNamed("Quit Azora"));
    screen("window-quit");
    // "Leave running" is what Return means there.
    run("xdotool", ["windowfocus", "--sync", `${dialog}`, "key", "--clearmodifiers", "Return"]);
    await until("the app to end", () => !lives(engine.pid));
    const next = await until("a headless engine", () => {
      const { pid, api } = home.json("status").engine;
      return api && pid !== engine.pid ? pid : null;
    });
    const after = home.ps(folder).instances;
    const pids = new Map(after.map((one) => [one.instance, one.pid]));
    const moved = before.filter((one) => one.pid !== pids.get(one.instance));
    if (moved.length > 0) throw new Error(`${moved.length} were restarted, first: ${moved[0].instance}`);
    // And the next window takes over from it.
    ui = await openWindow(home, []);
    engine = await until("the window's own engine", () => {
      const { engine } = home.json("status");
      return engine.api && engine.pid !== next ? engine : null;
    });
    await until("the headless engine to end", () => !lives(next));
    await room.ready(ui, home, folder);
  });

  await story.step("the emergency stop in the window leaves nothing", async () => {
    const running = home.ps(folder).instances;
    const result = await room.emergencyStop(ui, running);
    screen("window-stopped");
    return result;
  });

  await story.step("with nothing running the window closes without a question", async () => {
    await close(windowNamed("Azora"));
    await until("the app to end", () => !lives(engine.pid));
  });
});
