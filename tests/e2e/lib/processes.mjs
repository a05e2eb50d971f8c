// Starts programs, remembers them, and ends every one of them by its pid, however the run ends.

import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import { until } from "./wait.mjs";

const started = new Set();

/** Starts a program with its output in a file; ends with the run. One that is talked to has pipes instead. */
export function start(program, args, { env = {}, log, cwd, talk = false } = {}) {
  const out = fs.openSync(log, "a");
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    cwd,
    stdio: talk ? ["pipe", "pipe", out] : ["ignore", out, out],
  });
  fs.closeSync(out);
  const one = { program, pid: child.pid, log, ended: null, stdin: child.stdin, stdout: child.stdout };
  child.on("error", (error) => (one.ended = `could not be started: ${error.message}`));
  child.on("exit", (code, signal) => (one.ended = signal ? `signal ${signal}` : `status ${code}`));
  started.add(one);
  return one;
}

/** Asks it to end, then ends it. */
export async function end(one, grace = 10_000) {
  started.delete(one);
  if (one.ended !== null || one.pid === undefined) return;
  signal(one.pid, "SIGTERM");
  try {
    await until(`${one.program} to end`, () => one.ended !== null, grace);
  } catch {
    signal(one.pid, "SIGKILL");
  }
}

/** Ends all that still run. */
export async function endAll() {
  for (const one of [...started].reverse()) await end(one);
}

/** Sends a signal to one process; false when there is none. */
export function signal(pid, name) {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Runs a program to its end; throws with its output when it fails. */
export function run(program, args, { env = {}, timeout = 60_000, cwd } = {}) {
  const done = spawnSync(program, args, {
    env: { ...process.env, ...env },
    cwd,
    encoding: "utf8",
    timeout,
    maxBuffer: 64 << 20,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (done.error || done.status !== 0) {
    const how = done.error?.message ?? `status ${done.status ?? done.signal}`;
    throw new Error(`${program} ${args.join(" ")}: ${how}\n${done.stdout}${done.stderr}`);
  }
  return done.stdout;
}

/** True while the process is there and not a zombie. */
export function lives(pid) {
  try {
    return !/^State:\s+[ZX]/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Processes whose command line or environment names this text; without ourselves. */
export function naming(text) {
  const found = [];
  for (const name of fs.readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid || !lives(pid)) continue;
    const has = (file) => {
      try {
        return fs.readFileSync(`/proc/${pid}/${file}`).includes(text);
      } catch {
        return false;
      }
    };
    if (has("cmdline") || has("environ")) found.push(pid);
  }
  return found;
}
