// How entries of the registry look and read, and which of them a filter means.

import type { Health, RegistryView } from "../../ipc/generated";
import { span } from "../../shared/format";
import type { Look } from "../health/states";
import { words } from "../../words";

const w = words.registry;

export const HEALTH: Record<Health, Look> = {
  passing: { word: w.health.passing, shape: "check", tone: "good" },
  warning: { word: w.health.warning, shape: "triangle", tone: "warn" },
  critical: { word: w.health.critical, shape: "cross", tone: "bad" },
};

export type Which = "all" | "trouble" | "registered";

export function whichOf(text: string | null): Which {
  return text === "trouble" || text === "registered" ? text : "all";
}

/** Every word that is written must be found in what an entry says of itself. */
export function matching(entries: readonly RegistryView[], text: string, which: Which): RegistryView[] {
  const wanted = text.trim().toLowerCase().split(/\s+/).filter((word) => word !== "");
  return entries.filter((entry) => {
    if (which === "trouble" && entry.health === "passing") return false;
    if (which === "registered" && entry.kept_by === "own") return false;
    const said = [entry.name, entry.id, entry.url, entry.category ?? "", entry.version ?? "", entry.cluster_name ?? "", entry.health, ...entry.tags].join("\n").toLowerCase();
    return wanted.every((word) => said.includes(word));
  });
}

/** By what it stays in the list. */
export function keptBy({ kept_by, cluster_name, expires }: RegistryView, now: number): string {
  if (kept_by === "own") return w.keptBy.own(cluster_name ?? "");
  if (kept_by === "probe") return w.keptBy.probe;
  if (kept_by === "checks") return w.keptBy.checks;
  if (expires === null || expires <= now) return w.keptBy.leaseOver;
  return w.keptBy.lease(span(Math.ceil((expires - now) / 1_000) * 1_000));
}

/** What can be opened in a browser. */
export function opens(url: string): boolean {
  return /^https?:\/\//.test(url);
}
