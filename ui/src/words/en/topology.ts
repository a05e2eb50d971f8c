// The graph of services and its table, what is shown over it, and what is taken along of it.

import { count, list, number } from "./count";

const services = (n: number): string => count(n, { one: "# service", other: "# services" });
const needs = (n: number): string => count(n, { one: "# need", other: "# needs" });

export const topology = {
  kind: "service graph",
  label: (cluster: string, n: number) => `Topology of ${cluster}: ${services(n)}. Up and down walk along what is needed, left and right to its neighbours, Enter opens. Shown as a table it says the same.`,
  layingOut: (n: number) => `Laying out ${services(n)}…`,
  find: "Find in topology",
  found: (n: number) => `${number(n)} found`,
  zoom: "Zoom",
  zoomOut: "Zoom out",
  zoomIn: "Zoom in",
  fit: "Fit everything",
  overview: "overview",
  overviewMore: "Overview of the graph. Arrow keys move the view.",

  /** What is said of the service that keys have led to. */
  said: {
    is: (service: string, category: string, how: string) => `${service}, ${category}, ${how}.`,
    suffers: (state: string, service: string) => `${state}, suffers from ${service}`,
    lines: (needs: number, neededBy: number) => `Needs ${number(needs)}, needed by ${number(neededBy)}.`,
    nthNeed: (nth: number, all: number, service: string) => `${number(nth)} of ${number(all)} that ${service} needs.`,
    nthNeeding: (nth: number, all: number, service: string) => `${number(nth)} of ${number(all)} that need ${service}.`,
    traffic: (rate: string, failed: string) => `${rate} through the gateway, ${failed} failed.`,
    undeclared: (services: readonly string[]) => `Seen to talk to ${list(services)}, not declared.`,
    /** There is nothing that way. */
    nothing: { down: "It needs nothing.", up: "Nothing needs it.", left: "No other that way.", right: "No other that way." },
  },

  legend: {
    states: "States",
    rehearsed: "Rehearsed",
    which: "Show which",
    impacted: (n: number) => `${number(n)} impacted`,
    undeclared: (n: number) => `${number(n)} undeclared`,
    flows: (n: number) => `${number(n)} with requests`,
    flowsMore: "Requests through the gateway: the more, the wider the line; red where some fail",
    undeclaredMore: "Connections that were seen in the sockets and are not among the needs",
  },

  /** Beside a rate. */
  flowFailed: (share: string) => `${share} failed`,
  flowP99: (latency: string) => `p99 ${latency}`,

  table: {
    label: "Topology",
    columns: { service: "Service", state: "State", category: "Category", needs: "Needs", neededBy: "Needed by", undeclared: "Seen, undeclared", traffic: "Requests" },
    trafficMore: "Through the gateway in the last 10 s: requests a second, how many of them failed, and what all but one of a hundred took at most",
    traffic: (rate: string, failed: string, p99: string) => [rate, failed, p99].filter((each) => each !== "").join(", "),
    /** Who asks, where that is known. */
    from: (caller: string, rate: string) => `${caller} ${rate}`,
    /** It follows a state. */
    suffersFrom: (service: string) => `, suffers from ${service}`,
    none: "none",
  },

  /** What a rehearsal has found of a service. */
  rehearsed: {
    weak: "Weak spot",
    lower: "Below average",
    steady: "Steady",
    unseen: "Not rehearsed",
    counts: {
      weak: (n: number) => count(n, { one: "# weak spot", other: "# weak spots" }),
      lower: (n: number) => `${number(n)} below average`,
      steady: (n: number) => `${number(n)} steady`,
      unseen: (n: number) => `${number(n)} not rehearsed`,
    },
    /** On a service, where there is room for a few letters. */
    unseenNote: "not rehearsed",
    unseenTold: "not in the definition that was rehearsed",
  },

  export: {
    label: "Export the topology",
    word: "Export",
    svg: "SVG drawing",
    svgMore: "Sharp at any size; its text can be searched",
    png: "PNG image",
    pngMore: "For chats and slides",
    mermaid: "Mermaid text",
    mermaidMore: "For Markdown: documents, issues, pull requests",
    noImage: "this browser cannot make an image of it; the SVG drawing shows the same",
    lateImage: (span: string) => `the image was not drawn within ${span}; the SVG drawing shows the same`,
    title: (cluster: string) => `Topology of ${cluster}`,
    /** `at` is an exact time. */
    taken: (n: number, lines: number, at: string) => `${services(n)} and ${needs(lines)} at ${at}`,
    node: (name: string, state: string) => `${name}: ${state}`,
    port: (port: number) => `port ${port}`,
    held: "held",
    lines: {
      needs: "Needs",
      seen: "Seen and not declared",
      onward: "Suffer through others",
      direct: "Suffer from what they need",
    },
  },
};
