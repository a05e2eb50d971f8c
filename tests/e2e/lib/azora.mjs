// A scratch home with an engine in it, asked through the `azora` command as a person would.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { lives, naming, run, signal, start } from "./processes.mjs";
import { until } from "./wait.mjs";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
export const OUT = path.join(ROOT, "tests/e2e/out");
export const DEMO = path.join(ROOT, "examples/azora-os");

const BIN =
  process.env.AZORA_BIN_DIR ??
  path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, "target"), "debug");

/** The built program of this name. */
export function program(name) {
  const file = path.join(BIN, name);
  if (!fs.existsSync(file)) throw new Error(`${file} is not built; scripts/test builds it`);
  return file;
}

export class Home {
  constructor() {
    // Short: sockets' names have 108 bytes.
    this.path = fs.mkdtempSync(path.join(os.tmpdir(), "az-"));
    this.env = { AZORA_HOME: this.path };
    fs.mkdirSync(OUT, { recursive: true });
  }

  /** A copy of a folder, so that its cluster is this run's own. */
  copy(folder) {
    const copy = path.join(this.path, "src", path.basename(folder));
    fs.cpSync(folder, copy, { recursive: true });
    return copy;
  }

  log(name) {
    return path.join(OUT, `${name}.log`);
  }

  /** The `azora` command; throws when it fails. */
  azora(...args) {
    return run(program("azora"), args, { env: this.env, timeout: 120_000 });
  }

  json(...args) {
    return JSON.parse(this.azora(...args, "--json"));
  }

  /** An engine without a window. */
  async serve(name) {
    fs.rmSync(this.log(name), { force: true });
    const engine = start(program("azora"), ["serve"], { env: this.env, log: this.log(name) });
    await until(
      "the engine to answer",
      () => {
        if (engine.ended !== null) throw new Error(`azora serve ended with ${engine.ended}`);
        return this.json("status").engine.api;
      },
      30_000,
    );
    return engine;
  }

  /** What the engine says of itself; nothing when there never was one. */
  lock() {
    try {
      return JSON.parse(fs.readFileSync(path.join(this.path, "engine.lock"), "utf8"));
    } catch {
      return {};
    }
  }

  /** Where the browser UI is, with its secret where only the page reads it. */
  address() {
    const { api } = this.lock();
    const token = fs.readFileSync(path.join(this.path, "token"), "utf8").trim();
    return `${api}/#token=${token}`;
  }

  /** What `azora ps` says of the cluster in this folder. */
  ps(folder) {
    return JSON.parse(run(program("azora"), ["ps", "--json"], { env: this.env, cwd: folder }));
  }

  /** One instance as `ps` shows it. */
  instance(folder, service) {
    const found = this.ps(folder).instances.find((instance) => instance.service === service);
    if (!found) throw new Error(`ps shows no ${service}`);
    return found;
  }

  /** Ends what runs here and proves that nothing is left. */
  async close() {
    try {
      this.azora("emergency-stop", "--reason", "end of the test");
    } catch {
      // Whether it worked is seen below.
    }
    // Whoever is the engine here was started by this run: the headless one, or the window.
    const { pid } = this.lock();
    if (pid) signal(pid, "SIGTERM");
    const left = () => naming(this.path).filter(lives);
    let survivors = [];
    try {
      await until("all of the home's processes to end", () => left().length === 0, 15_000);
    } catch {
      survivors = left().map((pid) => `${pid} ${commandLine(pid)}`);
      for (const pid of left()) signal(pid, "SIGKILL");
    }
    fs.rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
    if (survivors.length > 0) throw new Error(`left behind and ended by hand:\n${survivors.join("\n")}`);
  }
}

function commandLine(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "(gone)";
  }
}
