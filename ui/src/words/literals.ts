// Finds words that stand in the code of a page instead of in the catalogue. Only the test beside it uses this.

import { parse } from "svelte/compiler";
import ts from "typescript";

export interface Found {
  line: number;
  text: string;
}

/** Attributes, of elements and of our own components, whose value a person reads or hears. */
const SAID = new Set(["alt", "aria-description", "aria-label", "aria-roledescription", "aria-valuetext", "label", "placeholder", "text", "title", "what"]);
/** What is the same in every language: names of the product, of keys, of units, and what stands for itself in a file. */
const SAME = new Set(["Azora", "azora.toml", "Ctrl", "Esc", "Enter", "Tab", "Home", "End", "JSON", "Markdown", "PNG", "SVG", "Mermaid", "TLS", "POST", "CPU", "kB", "MB", "GB", "TB", "ms", "min", "px", "pid", "UTC", "Space", "Shift", "Bearer"]);
/** Names of keys and places of events, as the browser says them. */
const KEYS = /^(Arrow(Up|Down|Left|Right)|Page(Up|Down)|Home|End|Enter|Escape|Tab|Delete|Backspace|Insert|Shift|Control|Alt|Meta|Dead|Process|Unidentified|Mac|Win)$/;

/** Whether any letters of a rendered text are words of a language. */
function speaks(text: string): boolean {
  return (text.match(/[\p{L}][\p{L}.]*/gu) ?? []).some((word) => word.length > 1 && !SAME.has(word.replace(/\.$/, "")));
}

/** Whether a string of a script is likely to be read by a person: several words, or one that begins large. */
function reads(text: string): boolean {
  if (KEYS.test(text) || !speaks(text) || /var\(--|\dpx|[<>{}[\]]|^\(prefers-|^\.[\w.-]+ |Control\+/.test(text)) return false;
  return /\p{L}{2,}[,:]? \p{L}/u.test(text) || /^\p{Lu}\p{Ll}+[.…]?$/u.test(text) || /^ \p{L}{2,}|\p{L}{2,} $/u.test(text);
}

/** The strings of a script that a person is likely to read. */
export function inScript(source: string): Found[] {
  const file = ts.createSourceFile("script.ts", source, ts.ScriptTarget.Latest, true);
  const found: Found[] = [];
  const look = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node)) return;
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      const compared = ts.isBinaryExpression(node.parent) && node.parent.operatorToken.kind !== ts.SyntaxKind.PlusToken;
      if (!compared && !ts.isCaseClause(node.parent) && reads(node.text)) found.push({ line: file.getLineAndCharacterOfPosition(node.getStart()).line + 1, text: node.text });
    }
    node.forEachChild(look);
  };
  look(file);
  return found;
}

interface Node {
  type: string;
  start: number;
  [key: string]: unknown;
}

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && typeof (value as Node).type === "string";

/** The words of a `.svelte` file: those of its script and those of its markup. */
export function inMarkup(source: string): Found[] {
  const found: Found[] = [];
  const say = (node: Node, text: string): void => void found.push({ line: source.slice(0, node.start).split("\n").length, text: text.trim() });
  const root = parse(source, { modern: true }) as unknown as { fragment: Node; instance?: Node | null; module?: Node | null };
  for (const script of [root.instance, root.module]) {
    if (!script) continue;
    const content = script["content"] as Node & { end: number };
    const before = source.slice(0, content.start).replace(/[^\n]/g, "");
    found.push(...inScript(before + source.slice(content.start, content.end)));
  }

  /** An expression whose value is shown: what it may be, and not what it is made from. */
  const shown = (node: Node): void => {
    if (node.type === "Literal" && typeof node["value"] === "string") {
      if (speaks(node["value"])) say(node, node["value"]);
    } else if (node.type === "TemplateLiteral") {
      for (const part of node["quasis"] as (Node & { value: { cooked: string } })[]) if (speaks(part.value.cooked)) say(node, part.value.cooked);
      for (const part of node["expressions"] as Node[]) shown(part);
    } else if (node.type === "ConditionalExpression") {
      shown(node["consequent"] as Node);
      shown(node["alternate"] as Node);
      hidden(node["test"]);
    } else if (node.type === "LogicalExpression" || (node.type === "BinaryExpression" && node["operator"] === "+")) {
      shown(node["left"] as Node);
      shown(node["right"] as Node);
    } else if (node.type === "ArrayExpression") {
      for (const each of node["elements"] as Node[]) shown(each);
    } else if (node.type === "CallExpression" && (node["callee"] as Node).type === "MemberExpression") {
      shown(((node["callee"] as Node)["object"]) as Node);
      for (const each of node["arguments"] as Node[]) hidden(each);
    } else hidden(node);
  };
  /** Anything else that has strings in it: only what is likely to be read. */
  const hidden = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(hidden);
    if (!isNode(value) || value.type.startsWith("TS")) return;
    const compared = value.type === "BinaryExpression" && value["operator"] !== "+";
    if (value.type === "Literal" && typeof value["value"] === "string" && reads(value["value"])) say(value, value["value"]);
    if (value.type === "TemplateElement" && reads((value["value"] as { cooked: string }).cooked)) say(value, (value["value"] as { cooked: string }).cooked);
    if (!compared) for (const key of Object.keys(value)) if (key !== "loc" && key !== "parent") hidden(value[key]);
  };
  const markup = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(markup);
    if (!isNode(value)) return;
    if (value.type === "Text") {
      if (speaks(value["data"] as string)) say(value, value["data"] as string);
    } else if (value.type === "ExpressionTag") shown(value["expression"] as Node);
    else if (value.type === "Attribute") {
      if (value["name"] === "class") return;
      const parts = [value["value"]].flat();
      const said = SAID.has(value["name"] as string);
      for (const part of parts) if (isNode(part)) (said ? markup : part.type === "ExpressionTag" ? hidden : () => undefined)(part.type === "ExpressionTag" && !said ? part["expression"] : part);
    } else if (value.type === "Comment" || value.type === "StyleDirective" || value.type === "ClassDirective") return;
    else if (value.type.endsWith("Directive") || value.type === "ConstTag" || value.type === "DeclarationTag") hidden(value["expression"] ?? value["declaration"]);
    else {
      for (const key of ["attributes", "fragment", "nodes", "body", "consequent", "alternate", "fallback", "pending", "then", "catch"]) markup(value[key]);
    }
  };
  markup(root.fragment);
  return found.sort((a, b) => a.line - b.line);
}
