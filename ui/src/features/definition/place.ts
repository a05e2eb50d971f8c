// Where in a definition a place is: in which table, behind which key. Reads lines, not all of TOML: enough to
// offer words, and to find a service's table.

export interface At {
  /** The table and the key whose value is being written: `["service", "api", "needs"]`. */
  path: string[];
  /** A key is being written, or a value. */
  writes: "key" | "value";
}

/** How a definition's file is written. */
export type Language = "toml" | "yaml" | "plain";

/** By the name of the file: `compose.yaml` is YAML, and what has no ending that says more is a `Procfile`. */
export function languageOf(file: string): Language {
  if (file.endsWith(".toml")) return "toml";
  return /\.ya?ml$/.test(file) ? "yaml" : "plain";
}

const HEADER = /^\s*\[\[?\s*([^\]]+?)\s*\]?\]/;
const KEY = /^\s*([\w."'-]+)\s*=/;

/** `service."a.b".heal` as its parts. */
export function parts(dotted: string): string[] {
  return [...dotted.matchAll(/"([^"]*)"|'([^']*)'|([\w-]+)/g)].map((part) => part[1] ?? part[2] ?? part[3] ?? "");
}

/** What is written at the end of `before`, all lines up to the cursor; `null` in a comment. */
export function placeAt(before: string): At | null {
  const lines = before.split("\n");
  const line = lines.at(-1) ?? "";
  if (/^[^"']*#/.test(line)) return null;
  let table: string[] = [];
  for (let at = lines.length - 2; at >= 0; at -= 1) {
    const header = HEADER.exec(lines[at] ?? "");
    if (header) {
      table = parts(header[1] ?? "");
      break;
    }
  }
  const key = KEY.exec(line);
  if (key) {
    const path = [...table, ...parts(key[1] ?? "")];
    // In an inline table it is a key again: `ready = { ht`.
    const inside = /[{,]\s*([\w-]*)$/.exec(line);
    const open = (line.match(/\{/g)?.length ?? 0) - (line.match(/\}/g)?.length ?? 0);
    if (inside && open > 0) return { path, writes: "key" };
    const within = /([\w-]+)\s*=\s*[^,{]*$/.exec(line.slice(line.indexOf("=") + 1));
    return { path: open > 0 && within ? [...path, within[1] ?? ""] : path, writes: "value" };
  }
  // A list over several lines belongs to its key.
  for (let at = lines.length - 2; at >= 0; at -= 1) {
    const text = lines[at] ?? "";
    if (HEADER.test(text)) break;
    const opened = KEY.exec(text);
    if (!opened) continue;
    const since = [text.slice(text.indexOf("=") + 1), ...lines.slice(at + 1)].join("\n");
    if ((since.match(/\[/g)?.length ?? 0) > (since.match(/\]/g)?.length ?? 0)) return { path: [...table, ...parts(opened[1] ?? "")], writes: "value" };
    break;
  }
  return { path: table, writes: "key" };
}

/** The line, from 1, where a service's table begins, and the last one that belongs to it. */
export function serviceLines(text: string, service: string): { from: number; to: number } | null {
  const lines = text.split("\n");
  let from = 0;
  let to = 0;
  let inside = false;
  for (const [at, line] of lines.entries()) {
    const header = HEADER.exec(line);
    if (header) {
      const path = parts(header[1] ?? "");
      inside = path[0] === "service" && path[1] === service;
      if (inside && from === 0) from = at + 1;
    }
    if (inside && line.trim() !== "") to = at + 1;
  }
  return from === 0 ? null : { from, to };
}

/** A problem's place as offsets of the text. Columns count characters, offsets count UTF-16 units. */
export function offsets(text: string, line: number, column: number, length: number): { from: number; to: number } {
  let start = 0;
  for (let at = 1; at < line; at += 1) {
    const end = text.indexOf("\n", start);
    if (end < 0) break;
    start = end + 1;
  }
  const end = text.indexOf("\n", start);
  const characters = [...text.slice(start, end < 0 ? text.length : end)];
  const units = (count: number): number => characters.slice(0, count).join("").length;
  const from = start + units(column - 1);
  return { from, to: Math.max(from, start + units(column - 1 + length)) };
}

export type Ends = "\n" | "\r\n";

/** How the lines of a text end. */
export function endsOf(text: string): Ends {
  return /\r\n/.test(text) && !/(^|[^\r])\n/.test(text) ? "\r\n" : "\n";
}

/** The same text with lines that end so. */
export function withEnds(text: string, ends: Ends): string {
  return text.replace(/\r?\n/g, ends);
}
