// How the window behaves on a desktop: links, what is dropped on it, notifications, the tray, closing, and
// what it remembers. Run it with tests/e2e/display.

import fs from "node:fs";
import path from "node:path";
import { Home, program } from "./lib/azora.mjs";
import { drag, frame, Tray, visible } from "./lib/desktop.mjs";
import { Notifications } from "./lib/notifications.mjs";
import { endAll, lives, run, signal } from "./lib/processes.mjs";
import { Story } from "./lib/story.mjs";
import { until } from "./lib/wait.mjs";
import { openWindow, screen } from "./lib/window.mjs";
import { close } from "./lib/x11.mjs";

const SHOP = ["db", "api", "web"];
const definition = (name, services) =>
  `[cluster]\nname = "${name}"\n[cluster.defaults]\nhealth = { http = "/health", every = "200ms" }\n` +
  services
    .map((one, at) => `[service.${one}]\nrun = "organ --name ${one} --port \${self.port}"\n${at > 0 ? `needs = ["${services[at - 1]}"]\n` : ""}`)
    .join("");

/** Whoever scales needs the approval of somebody else. */
const RULES = `
@id("people-decide") @says("a person may do everything")
permit (principal is Person, action, resource);
@id("two-scale") @says("somebody else has to approve of that")
@approvals("1") @within("15m")
forbid (principal, action == Action::"scale", resource)
unless { context.approvals >= 1 };
`;

/** The dialog that says that something was not opened; closed again. */
async function refusal() {
  const dialog = await until("the refusal", () => visible("Azora cannot open this"));
  screen("manners-refused");
  run("xdotool", ["windowfocus", "--sync", `${dialog}`, "key", "--clearmodifiers", "Return"]);
  await until("it to be closed", () => visible("Azora cannot open this") === null);
}

await Story.tell("the window's manners", 600_000, async (story) => {
  const home = new Home();
  story.afterwards(() => home.close());
  story.afterwards(endAll);
  story.onFailure(() => screen("manners-failed"));
  const folder = path.join(home.path, "src", "shop");
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, "azora.toml"), definition("shop", SHOP));
  const bus = await Notifications.listen(home.log("manners-bus"));
  const tray = await Tray.open();

  let ui;
  story.afterwards(() => ui?.close().catch(() => {}));
  const again = (...args) => run(program("azora-desktop"), args, { env: home.env });
  const isAt = (wanted) =>
    until(`the window to be at ${wanted}`, async () => {
      const { pathname, search } = new URL(await ui.url());
      if (`${pathname}${search}` !== wanted) throw new Error(`it is at ${pathname}${search}`);
      return true;
    });
  const ready = () =>
    until("every service to be ready", () => {
      const { instances } = home.ps(folder);
      return instances.length === SHOP.length && instances.every((one) => one.state === "ready");
    });

  let cluster;
  await story.step("the window opens on a folder", async () => {
    ui = await openWindow(home, ["--trust", path.join(folder, "azora.toml")]);
    await ready();
    cluster = home.json("status").clusters[0].id;
    await isAt(`/topology?cluster=${cluster}`);
  });

  await story.step("a link leads the open window to a service", async () => {
    again(`azora://cluster/${cluster}/service/api`);
    await isAt(`/topology?cluster=${cluster}&service=api`);
    await ui.text("panel", (text) => text.includes("api"));
  });

  await story.step("a link that is none, or names what is not there, is refused and moves nothing", async () => {
    for (const link of ["azora://stop/everything", "azora://incident/999999", "azora://cluster/nowhere-1"]) {
      again(link);
      await refusal();
    }
    await isAt(`/topology?cluster=${cluster}&service=api`);
  });

  await story.step("a click on a notification opens its incident", async () => {
    signal(home.instance(folder, "db").pid, "SIGKILL");
    await bus.about(/^db was healed$/);
    await until("it to be on the screen", () => run("dunstctl", ["count", "displayed"]).trim() === "1");
    run("dunstctl", ["action", "0"]);
    const all = home.json("incidents");
    const [incident] = all.incidents ?? all;
    await isAt(`/incidents?cluster=${cluster}&incident=${incident.id}`);
    run("dunstctl", ["close-all"]);
    // And as a link.
    await ui.click("place-clusters");
    again(`azora://incident/${incident.id}`);
    await isAt(`/incidents?cluster=${cluster}&incident=${incident.id}`);
  });

  await story.step("a folder that is dropped on the window is shown before it runs", async () => {
    const dropped = path.join(home.path, "src", "dropped here");
    fs.mkdirSync(dropped);
    fs.writeFileSync(path.join(dropped, "azora.toml"), definition("dropped", ["one"]));
    const held = await drag([dropped], visible("Azora"));
    await ui.text("drop-here");
    screen("manners-drag");
    await held.drop();
    await ui.text("open-folder-dialog", (text) => text.includes("--name one") && /never run here/.test(text));
    if ((await ui.count("drop-here")) !== 0) throw new Error("it still says where to drop");
    if (home.json("status").clusters.length !== 1) throw new Error("it did not ask");
    await ui.key("Escape");
  });

  await story.step("the tray shows the state, and its menu what there is", async () => {
    // Each picture is a file of its own.
    const icon = async () => {
      const { icon, theme } = (await tray.items()).at(-1);
      return fs.readFileSync(icon.endsWith(".png") ? icon : path.join(theme, `${icon}.png`)).toString("base64");
    };
    await ready();
    const well = await icon();
    const menu = (await tray.menu()).map((entry) => entry.text);
    const wanted = ["Open Azora", "Hold healing", "Mute notifications for 1 h", "Emergency stop…", "Quit…"];
    if (!/^shop: /.test(menu[0]) || menu.slice(1).join() !== wanted.join()) throw new Error(`the menu is ${menu}`);
    await tray.press("Hold healing");
    await until("the menu to say so", async () => (await tray.menu()).find((entry) => entry.text === "Hold healing").on);
    signal(home.instance(folder, "web").pid, "SIGKILL");
    await until("the icon to change", async () => (await icon()) !== well);
    await tray.press("Hold healing");
    await ready();
    await until("the icon to be as before", async () => (await icon()) === well);
  });

  await story.step("what is muted from the tray is healed without a word, and what happens after that is told", async () => {
    const mute = () => tray.menu().then((menu) => menu.find((entry) => /notifications/i.test(entry.text)));
    const heal = async (service) => {
      const { pid } = home.instance(folder, service);
      signal(pid, "SIGKILL");
      await until(`${service} to be healed`, () => {
        const now = home.instance(folder, service);
        return now.state === "ready" && now.pid !== pid;
      });
    };
    const count = () => home.json("incidents").length;
    await tray.press("Mute notifications for 1 h");
    await until("the menu to say so", async () => {
      const entry = await mute();
      return entry.on && /^Notifications are muted until \d\d:\d\d$|^Notifications are muted until \w+ /.test(entry.text);
    });
    await ui.text("bell", (text) => /Muted/.test(text));
    const [told, before] = [bus.all().length, count()];
    await heal("api");
    await until("its incident", () => count() === before + 1);
    await tray.press((await mute()).text);
    await until("the menu to say so", async () => !(await mute()).on);
    // What comes now comes after whatever would have been made up for.
    await heal("db");
    const since = () => bus.all().slice(told).map((one) => one.title);
    await until("the second one to be told", () => since().includes("db was healed"));
    const meanwhile = since();
    if (meanwhile.some((title) => /api/.test(title))) throw new Error(`told of ${meanwhile}`);
    run("dunstctl", ["close-all"]);
  });

  await story.step("the tray's emergency stop asks in the window", async () => {
    await tray.press("Emergency stop…");
    await ui.text("emergency-dialog", (text) => text.includes("This ends"));
    await ui.key("Escape");
    await ready();
  });

  await story.step("closing leaves it in the tray, says so once, and the hidden page stops listening", async () => {
    const about = () => bus.all().filter((one) => one.title === "Azora goes on in the tray").length;
    for (const time of [1, 2]) {
      await close(visible("Azora"));
      await until("the window to be gone", () => visible("Azora") === null);
      await until("the page to know it", () => ui.run("return document.visibilityState === 'hidden'"));
      if (time === 1) await until("it to be told", () => about() === 1);
      if (time === 2) {
        await until("its feed to end", async () => (await ui.run("return document.querySelector('[data-feed]').dataset.feed")) === "asleep", 90_000);
        home.azora("-C", folder, "scale", "web=2");
      }
      await tray.press("Open Azora");
      await until("the window to be back", () => visible("Azora") !== null);
    }
    if (about() !== 1) throw new Error(`told ${about()} times`);
    // What happened meanwhile is there.
    again(`azora://cluster/${cluster}/service/web`);
    await ui.text("panel", (text) => /2 instances/.test(text));
  });

  await story.step("what waits for approval is told, and approved of in a question of the app's own", async () => {
    // What was said of the tray.
    run("dunstctl", ["close-all"]);
    await until("the screen to be clear", () => run("dunstctl", ["count", "displayed"]).trim() === "0");
    fs.writeFileSync(path.join(home.path, "constitution.cedar"), RULES, { mode: 0o600 });
    // The engine reads them within two seconds; until then web is scaled to what it is.
    const number = await until("the rules to hold", () => {
      try {
        home.azora("-C", folder, "scale", "web=2");
        return null;
      } catch (error) {
        return /approval (\d+)/.exec(error.message)?.[1];
      }
    });
    await bus.about(/^Scale needs your approval$/i);
    await until("it to be on the screen", () => run("dunstctl", ["count", "displayed"]).trim() === "1");
    run("dunstctl", ["action", "0"]);
    await isAt("/governance?show=approvals");
    const state = () => home.json("approvals").find((one) => one.id === Number(number))?.state ?? "gone";
    const answer = async (key) => {
      await ui.fill("approver", "anna");
      await ui.click(`approve-${number}`);
      const question = await until("the question", () => visible("Approve of it\\?"));
      screen("manners-approve");
      run("xdotool", ["windowfocus", "--sync", `${question}`, "key", "--clearmodifiers", key]);
      await until("it to be closed", () => visible("Approve of it\\?") === null);
    };
    await answer("Escape");
    await ui.text("problem", (text) => /called off/.test(text));
    if (state() !== "waiting") throw new Error(`called off, and it is ${state()}`);
    await answer("Return");
    await until("it to be approved", () => state() === "approved");
    fs.rmSync(path.join(home.path, "constitution.cedar"));
    run("dunstctl", ["close-all"]);
  });

  await story.step("it comes back where it was, and from a monitor that is gone", async () => {
    const { pid } = home.json("status").engine;
    const window = visible("Azora");
    run("xdotool", ["windowsize", "--sync", `${window}`, "900", "600", "windowmove", "--sync", `${window}`, "200", "150"]);
    const before = await until("it to be there", () => {
      const at = frame(visible("Azora"));
      return at.x === 200 && at.width === 900 ? at : null;
    });
    const restart = async () => {
      signal(home.json("status").engine.pid, "SIGTERM");
      await until("the app to end", () => visible("Azora") === null);
      await ui.close().catch(() => {});
      ui = await openWindow(home, []);
    };
    await restart();
    const is = (wanted) =>
      until(`it to be at ${JSON.stringify(wanted)}`, () => {
        const at = frame(visible("Azora"));
        if (JSON.stringify(at) !== JSON.stringify(wanted)) throw new Error(`it is at ${JSON.stringify(at)}`);
        return true;
      });
    await is(before);
    if (lives(pid)) throw new Error("the old one lives");
    const file = path.join(process.env.XDG_CONFIG_HOME, "dev.azora.desktop", ".window-state.json");
    signal(home.json("status").engine.pid, "SIGTERM");
    await until("the app to end", () => visible("Azora") === null);
    await ui.close().catch(() => {});
    const state = JSON.parse(fs.readFileSync(file, "utf8"));
    Object.assign(state.main, { x: 4000, y: -900, width: 3000, height: 700 });
    fs.writeFileSync(file, JSON.stringify(state));
    ui = await openWindow(home, []);
    await is({ x: 0, y: 100, width: 1440, height: 700 });
  });
});
