// The graph as text that Mermaid draws: in documents, issues and pull requests. Needs are solid and what was
// only seen is dashed; who is not well has the colour of its state and its word.

import { TONES, type Tone } from "../../../shared/marks";
import { words } from "../../../words";
import { IMPACTED, LOOKS } from "../scene";
import type { Subject } from "./subject";

/** Mermaid's own. */
const [FLOWCHART, SUBGRAPH, CLASS_DEF, CLASS] = ["flowchart", "subgraph", "classDef", "class"] as const;

/** Fill and edge of a state, in colours that can be read on a light and on a dark page. */
const PAINT: Record<Exclude<Tone, "good">, string> = {
  bad: "fill:#fde2e1,stroke:#c0332b,color:#5b1410",
  warn: "fill:#fff0d2,stroke:#b0720d,color:#553405",
  busy: "fill:#dfeafd,stroke:#3166c4,color:#12305f",
  held: "fill:#ece3fb,stroke:#7a4fc0,color:#371f63",
  calm: "fill:#ececee,stroke:#7d7d86,color:#35353b",
};

/** Between quotes Mermaid reads entities, and nothing else as its own. */
function quoted(text: string): string {
  return `"${text.replace(/[&"<>#;`\\]/g, (letter) => `#${letter.charCodeAt(0)};`)}"`;
}

export function mermaid({ name, scene, status, at }: Subject): string {
  const { ids, lanes, edges } = scene.layout;
  const lines = [
    "---",
    `title: ${JSON.stringify(name)}`,
    "---",
    `%% ${words.topology.export.taken(ids.length, edges.length / 2, new Date(at).toISOString())}`,
    [FLOWCHART, "TB"].join(" "),
  ];
  const tones = new Map<Tone, number[]>();
  lanes.forEach((lane, nth) => {
    lines.push(`  ${SUBGRAPH} c${String(nth)}[${quoted(lane.category)}]`);
    for (const member of lane.members) {
      const look = LOOKS[status.state[member] ?? 0];
      const impacted = status.emphasis[member] === IMPACTED;
      const tone = look?.tone === "good" && impacted ? "warn" : (look?.tone ?? "calm");
      if (tone !== "good") tones.set(tone, [...(tones.get(tone) ?? []), member]);
      const said = tone === "good" ? "" : `<br/>${impacted && look?.tone === "good" ? words.states.impacted : (look?.word ?? "")}`;
      lines.push(`    s${String(member)}[${said === "" ? quoted(ids[member] ?? "") : `${quoted(ids[member] ?? "").slice(0, -1)}${said}"`}]`);
    }
    lines.push("  end");
  });
  for (const [pairs, arrow] of [[edges, "-->"], [scene.seen, "-.->"]] as const) {
    for (let nth = 0; nth < pairs.length; nth += 2) lines.push(`  s${String(pairs[nth])} ${arrow} s${String(pairs[nth + 1])}`);
  }
  for (const tone of TONES) {
    const members = tones.get(tone);
    if (tone === "good" || !members) continue;
    lines.push(`  ${CLASS_DEF} ${tone} ${PAINT[tone]}`, `  ${CLASS} ${members.map((member) => `s${String(member)}`).join(",")} ${tone}`);
  }
  return `${lines.join("\n")}\n`;
}
