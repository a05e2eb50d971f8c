// Incidents as a document to hand on: Markdown for people, JSON as the engine told it.

import type { Incident, IncidentEntry } from "../../ipc/generated";
import { span } from "../../shared/format";
import { INCIDENTS } from "../health/states";
import { words } from "../../words";
import { lasted } from "./lasted";
import { ENTRIES } from "./timeline";
import { weighed } from "./weighed";

const w = words.incidents.document;

export type Format = "md" | "json";

/** Words of a service's or a person's must not become markup: no links, no tables, no HTML. */
function plain(text: string): string {
  return text.replace(/[\r\n\t]+/g, " ").replace(/[\\`*_{}[\]<>|#~!]/g, "\\$&");
}

/** What a service wrote, as it is, between marks that it does not hold itself. */
function quoted(text: string): string {
  const marks = "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map((run) => run[0].length + 1)));
  return `${marks}text\n${text}\n${marks}`;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

function facts(incident: Incident): [string, string][] {
  const ms = lasted(incident);
  return [
    [w.facts.state, INCIDENTS[incident.state].word],
    [w.facts.service, w.instance(incident.service, incident.instance)],
    [w.facts.cluster, incident.cluster],
    [w.facts.detected, iso(incident.opened)],
    [w.facts.ended, incident.resolved === null ? w.notYet : iso(incident.resolved)],
    [w.facts.detect, incident.detect_ms === null ? w.unknown : span(incident.detect_ms)],
    [w.facts.took, ms === null ? w.notOver : span(ms)],
    [w.facts.acts, String(incident.actions.length)],
    [w.facts.person, incident.person ? w.yes : w.no],
    ...(incident.waits === null ? [] : [[w.facts.waits, incident.waits] as [string, string]]),
  ];
}

/** One incident with its timeline. */
export function story(format: Format, incident: Incident, timeline: readonly IncidentEntry[]): string {
  if (format === "json") return `${JSON.stringify({ incident, timeline }, null, 2)}\n`;
  const lines = [`# ${w.of(incident.id, plain(incident.cause))}`, ""];
  for (const [name, value] of facts(incident)) lines.push(`- ${name}: ${plain(value)}`);
  const tried = weighed(incident);
  if (tried.length > 0) lines.push("", `## ${words.incidents.detail.tried}`, "");
  for (const { detail, known, outcome } of tried) lines.push(`- ${plain(detail)} (${known}): ${outcome}`);
  lines.push("", `## ${words.incidents.detail.timeline}`, "");
  for (const entry of timeline) {
    const head = `- ${iso(entry.at)} **${ENTRIES[entry.kind].word}**`;
    if (entry.kind === "log") lines.push(head, "", ...quoted(entry.text).split("\n").map((line) => `  ${line}`), "");
    else lines.push(`${head} ${plain(entry.text)}`);
  }
  if (timeline.length === 0) lines.push(words.incidents.detail.nothingKept);
  lines.push("", `## ${words.incidents.detail.impacted}`, "", incident.impacted.length === 0 ? words.incidents.detail.noneImpacted : incident.impacted.map((name) => `- ${plain(name)}`).join("\n"));
  return `${lines.join("\n")}\n`;
}

/** Several, without their timelines. */
export function listing(format: Format, incidents: readonly Incident[]): string {
  if (format === "json") return `${JSON.stringify({ incidents }, null, 2)}\n`;
  const rows = incidents.map((each) => {
    const ms = lasted(each);
    return [String(each.id), each.service, INCIDENTS[each.state].word, each.cause, iso(each.opened), ms === null ? w.notOver : span(ms), String(each.impacted.length)].map(plain);
  });
  const head = [w.columns.incident, w.columns.service, w.columns.state, w.columns.cause, w.columns.detected, w.columns.took, w.columns.impacted];
  return `${[`# ${w.title}`, "", ...[head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`)].join("\n")}\n`;
}
