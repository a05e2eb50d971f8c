// The app's window and the screen it is on, through tauri-driver and X's own tools.

import fs from "node:fs";
import path from "node:path";
import { OUT, program } from "./azora.mjs";
import { run, start } from "./processes.mjs";
import { freePort, Session } from "./webdriver.mjs";

const DRIVER = process.env.TAURI_DRIVER ?? "tauri-driver";

/** What is on the screen, notification and all. */
export function screen(name) {
  const file = path.join(OUT, `${name}.png`);
  run("import", ["-window", "root", file]);
  if (fs.statSync(file).size < 10_000) throw new Error(`${file} shows nothing`);
  return file;
}

/** The visible window of this name. */
export function windowNamed(name) {
  const found = run("xdotool", ["search", "--onlyvisible", "--name", `^${name}$`]).trim().split("\n");
  return Number(found.at(-1));
}

/** Starts the app through the drivers and waits for its page. */
export async function openWindow(home, args) {
  const [port, native] = [await freePort(), await freePort()];
  start(DRIVER, ["--port", `${port}`, "--native-port", `${native}`], {
    env: home.env,
    log: home.log("window-driver"),
  });
  const session = await Session.open(port, {
    browserName: "wry",
    "tauri:options": { application: program("azora-desktop"), args },
  });
  await session.text("overall");
  return session;
}
