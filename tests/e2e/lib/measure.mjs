// Figures: how they are summed up, what machine they are of, what processes cost.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";

/** The value that so many percent are not above (nearest rank). */
export function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)];
}

export function summary(values) {
  const round = (value) => Math.round(value * 10) / 10;
  return {
    n: values.length,
    median: round(percentile(values, 50)),
    p95: round(percentile(values, 95)),
    max: round(Math.max(...values)),
  };
}

/** Theil and Sen's slope, which a few odd samples do not move: the median of the slopes of all pairs. */
export function slope(points) {
  const slopes = [];
  for (let i = 0; i < points.length; i += 1) {
    for (let j = i + 1; j < points.length; j += 1) slopes.push((points[j][1] - points[i][1]) / (points[j][0] - points[i][0]));
  }
  return percentile(slopes, 50);
}

export function machine() {
  return {
    at: new Date().toISOString(),
    kernel: os.release(),
    processor: os.cpus()[0]?.model,
    cores: os.cpus().length,
    memory_mib: Math.round(os.totalmem() / 2 ** 20),
    load: os.loadavg().map((load) => Math.round(load * 100) / 100),
  };
}

const read = (file) => {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
};

/** Fields of /proc/PID/stat behind the name, which may hold anything. */
const stat = (pid) => read(`/proc/${pid}/stat`).split(") ").at(-1).split(" ");

/** When a process was started, in ms since the epoch, to 10 ms: the kernel counts its ticks so. */
export function startOf(pid) {
  const TICK = 10;
  const ticks = Number(stat(pid)[19]);
  const uptime = Number(read("/proc/uptime").split(" ")[0]) * 1000;
  return Date.now() - uptime + ticks * TICK;
}

/** CPU time that a process has used, in ms, to 10 ms. */
export const cpuOf = (pid) => (Number(stat(pid)[11]) + Number(stat(pid)[12])) * 10;

/** Proportional set size in KiB: what is shared counts for each by its share. */
export const pssOf = (pid) => Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);

/**
 * What a process holds by where it lies: PSS in KiB of each file that is mapped, by its name, and of what is no
 * file's. Libraries that are loaded and never used show here.
 */
export function whereOf(pid) {
  const found = {};
  let name = "";
  for (const line of read(`/proc/${pid}/smaps`).split("\n")) {
    const head = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)$/.exec(line);
    if (head) name = head[1].startsWith("/") ? path.basename(head[1]) : "no file";
    const kib = Number(/^Pss:\s+(\d+)/.exec(line)?.[1] ?? 0);
    if (kib > 0) found[name] = (found[name] ?? 0) + kib;
  }
  return Object.fromEntries(Object.entries(found).sort((a, b) => b[1] - a[1]));
}

const commandOf = (pid) => read(`/proc/${pid}/comm`).trim();

/** The app and its web processes: everything below it that is no service's shim. */
export function appProcesses(pid) {
  const children = new Map();
  for (const name of fs.readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(stat(name)[1]);
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(Number(name));
  }
  const found = [];
  const visit = (pid) => {
    if (commandOf(pid) === "azora-shim") return;
    found.push({ pid, name: commandOf(pid) });
    for (const child of children.get(pid) ?? []) visit(child);
  };
  visit(pid);
  return found;
}

/** Those of these processes that have this name, in KiB together. */
export function pssOfAll(name, among) {
  const pids = among.filter((pid) => commandOf(pid) === name);
  return { count: pids.length, kib: pids.reduce((sum, pid) => sum + pssOf(pid), 0) };
}
