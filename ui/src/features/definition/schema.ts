// What may stand where in a definition, out of the schema that is generated from its keys: for completion.
// What a text means is the engine's to say.

import schema from "../../../../docs/azora.schema.json";
import { words } from "../../words";

export interface Node {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, Node>;
  additionalProperties?: Node | boolean;
  oneOf?: Node[];
  anyOf?: Node[];
  items?: Node;
}

const ROOT = schema as unknown as Node & { $defs: Record<string, Node> };
/** Deeper no definition goes. */
const MAX_DEPTH = 8;

function resolve(node: Node | undefined, depth = 0): Node[] {
  if (node === undefined || depth > MAX_DEPTH) return [];
  const named = node.$ref === undefined ? undefined : ROOT.$defs[node.$ref.replace("#/$defs/", "")];
  const own = named === undefined ? [] : resolve(named, depth + 1);
  const choices = [...(node.oneOf ?? []), ...(node.anyOf ?? [])].flatMap((each) => resolve(each, depth + 1));
  return [node, ...own, ...choices];
}

function below(nodes: readonly Node[], key: string): Node[] {
  return nodes.flatMap((node) => {
    const own = node.properties?.[key];
    const other = typeof node.additionalProperties === "object" ? node.additionalProperties : undefined;
    return resolve(own ?? other);
  });
}

/** All that the schema says of a place: `["service", "api", "heal"]`. */
export function at(path: readonly string[]): Node[] {
  return path.reduce(below, resolve(ROOT));
}

export interface Choice {
  label: string;
  /** What it takes, in a word. */
  detail: string;
  info: string;
}

/** The keys that may stand there. */
export function keysAt(path: readonly string[]): Choice[] {
  const found = new Map<string, Choice>();
  for (const node of at(path)) {
    for (const [label, key] of Object.entries(node.properties ?? {})) {
      const all = resolve(key);
      const info = all.find((each) => each.description !== undefined)?.description ?? "";
      found.set(label, { label, detail: kinds(all), info });
    }
  }
  return [...found.values()];
}

/** The words that may stand behind a key, as they are written. */
export function valuesAt(path: readonly string[]): string[] {
  const found = at(path).flatMap((node) => {
    if (node.type === "boolean") return ["true", "false"];
    const fixed = node.enum ?? (node.const === undefined ? [] : [node.const]);
    return fixed.map((each) => JSON.stringify(each));
  });
  return [...new Set(found)];
}

const isNamed = (type: string): type is keyof typeof words.definition.kinds => type in words.definition.kinds;

function kinds(nodes: readonly Node[]): string {
  const types = nodes.flatMap((node) => node.type ?? []);
  return words.definition.or([...new Set(types)].map((type) => (isNamed(type) ? words.definition.kinds[type] : type)));
}
