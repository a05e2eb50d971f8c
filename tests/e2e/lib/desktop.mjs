// The desktop around the window, as far as a session has one: its panel with the tray, its pointer, and
// where its windows are.

import path from "node:path";
import readline from "node:readline";
import { OUT } from "./azora.mjs";
import { run, start } from "./processes.mjs";
import { until } from "./wait.mjs";

// Debian's own Python has the bindings, whatever else is first on PATH.
const PYTHON = "/usr/bin/python3";
const helper = (name) => new URL(name, import.meta.url).pathname;

/** A panel that shows tray icons. Started before the app, which looks for one when it starts. */
export class Tray {
  #lines;
  #stdin;

  static async open() {
    const python = start(PYTHON, [helper("tray.py")], { log: path.join(OUT, "tray.log"), talk: true });
    const tray = new Tray();
    tray.#stdin = python.stdin;
    tray.#lines = readline.createInterface({ input: python.stdout })[Symbol.asyncIterator]();
    const first = await tray.#lines.next();
    if (first.value !== "watching") throw new Error(`no panel: ${first.value}; see ${python.log}`);
    return tray;
  }

  async #ask(line) {
    this.#stdin.write(`${line}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the panel is gone");
    const said = JSON.parse(value);
    if (said?.error) throw new Error(said.error);
    return said;
  }

  items = () => this.#ask("items");
  menu = () => this.#ask("menu");
  press = (text) => this.#ask(`press ${text}`);
}

/** Drags files from the screen's corner to the middle of a window. */
export async function drag(files, window) {
  const source = start(PYTHON, [helper("drag.py"), ...files], { log: path.join(OUT, "drag.log"), talk: true });
  const said = [];
  readline.createInterface({ input: source.stdout }).on("line", (line) => said.push(line));
  await until("something to drag", () => said.includes("ready"));
  const { x, y, width, height } = frame(window);
  const to = [x + Math.round(width / 2), y + Math.round(height / 2)];
  const move = (x, y) => run("xdotool", ["mousemove", "--sync", `${x}`, `${y}`]);
  // A drag begins after some pixels, and a target answers each move before it may be dropped on.
  run("xdotool", ["mousemove", "30", "30", "mousedown", "1"]);
  for (const at of [34, 40, 48, 58]) move(at, at);
  for (let step = 1; step <= 10; step += 1) move(58 + Math.round(((to[0] - 58) * step) / 10), 58 + Math.round(((to[1] - 58) * step) / 10));
  return {
    drop: async () => {
      run("xdotool", ["mouseup", "1"]);
      await until("the files to be asked for", () => said.includes("given"));
    },
  };
}

/** The visible window of this name, or null. */
export function visible(name) {
  try {
    const found = run("xdotool", ["search", "--onlyvisible", "--name", `^${name}$`]).trim().split("\n");
    return Number(found.at(-1)) || null;
  } catch {
    return null;
  }
}

/** Where a window is, in pixels of the screen. */
export function frame(window) {
  const said = run("xdotool", ["getwindowgeometry", "--shell", `${window}`]);
  const value = (name) => Number(new RegExp(`^${name}=(-?\\d+)$`, "m").exec(said)[1]);
  return { x: value("X"), y: value("Y"), width: value("WIDTH"), height: value("HEIGHT") };
}
