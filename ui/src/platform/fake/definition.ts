// The definitions of the simulated home: written from what is shown of each cluster, and checked just enough to
// show what the engine's own parser would find.

import demo from "../../../../examples/azora-os/azora.toml?raw";
import type { ApplyDefinitionRequest, CheckedDefinition, CheckDefinitionRequest, ClusterId, DefinitionView, ProblemView, ServiceView, UpView } from "../../ipc/generated";
import { CallError } from "../types";
import type { World } from "./world";

/** Misspelt keys, and what was meant: as the engine finds them. */
const MEANT: Record<string, string> = { helth: "health", nedes: "needs", comand: "run", prot: "port" };

export class Definitions {
  private readonly texts = new Map<ClusterId, string>();

  constructor(private readonly world: World) {}

  read(cluster: ClusterId): DefinitionView {
    const found = this.world.clusters.get(cluster);
    if (!found) throw new CallError("not_found", `no cluster ${cluster} in this home`);
    const text = this.texts.get(cluster) ?? (found.name === "azora-os" ? demo : written(found.services));
    this.texts.set(cluster, text);
    return { path: `${found.folder}/azora.toml`, text, mark: mark(text) };
  }

  check({ cluster, text }: CheckDefinitionRequest): CheckedDefinition {
    const problems = found(text);
    if (problems.length > 0) return { problems, unshown: 0, edit: null };
    const [old, now] = [blocks(this.read(cluster).text), blocks(text)];
    const both = [...now.keys()].filter((name) => old.has(name) && old.get(name) !== now.get(name));
    const changed = (name: string): string[] => {
      const before = new Set((old.get(name) ?? "").split("\n"));
      return (now.get(name) ?? "").split("\n").filter((line) => !before.has(line)).map((line) => line.split(" = ").join(" "));
    };
    const care = (name: string): boolean => changed(name).every((line) => /^(health|ready|heal|category|protected)/.test(line));
    const rows = (names: string[]): { service: string; what: string[] }[] => names.map((service) => ({ service, what: changed(service) }));
    return {
      problems: [], unshown: 0,
      edit: {
        added: [...now.keys()].filter((name) => !old.has(name)), removed: [...old.keys()].filter((name) => !now.has(name)),
        restarted: rows(both.filter((name) => !care(name))), adjusted: rows(both.filter(care)), notes: [],
      },
    };
  }

  apply({ cluster, text, mark: wanted }: ApplyDefinitionRequest): UpView {
    if (this.read(cluster).mark !== wanted) throw new CallError("conflict", "azora.toml changed since it was read, and nothing was written; load it again, or copy your edit first");
    const { edit } = this.check({ cluster, text });
    if (edit === null) throw new CallError("definition", "azora.toml has mistakes");
    this.texts.set(cluster, text);
    const services = edit.restarted.map((each) => each.service);
    const act = this.world.act("up", cluster, services, "azora.toml was edited here", () => (services.length === 0 ? 100 : this.world.start(cluster, services)));
    return { cluster, act: act.id, changes: [] };
  }

  /** Somebody else writes the file: for tests. */
  meanwhile(cluster: ClusterId): void {
    this.texts.set(cluster, `# theirs\n${this.read(cluster).text}`);
  }
}

function mark(text: string): string {
  let hash = 0;
  for (const c of text) hash = (Math.imul(hash, 31) + (c.codePointAt(0) ?? 0)) | 0;
  return `${hash >>> 0}-${text.length}`;
}

function blocks(text: string): Map<string, string> {
  const parts = text.split(/^\[service\./m).slice(1);
  return new Map(parts.map((part) => [part.slice(0, part.indexOf("]")), part.slice(part.indexOf("]") + 1).trim()]));
}

function found(text: string): ProblemView[] {
  return text.split("\n").flatMap((line, at) => {
    const key = /^(\w+)\s*=/.exec(line)?.[1] ?? "";
    const meant = MEANT[key];
    if (meant !== undefined) {
      return [{ message: `unknown key \`${key}\``, remedy: `did you mean \`${meant}\`?`, file: "azora.toml", places: [{ line: at + 1, column: 1, length: key.length, label: "not a key of a service" }] }];
    }
    const quotes = line.replace(/#.*/, "").match(/"/g)?.length ?? 0;
    if (quotes % 2 === 0) return [];
    const column = line.indexOf('"') + 1;
    return [{ message: "this text has no end", remedy: "close it with a quotation mark", file: "azora.toml", places: [{ line: at + 1, column, length: line.length - column + 1, label: "begins here" }] }];
  });
}

function written(services: readonly ServiceView[]): string {
  const blocks = services.map(({ name, category, needs, run, replicas, oneshot, protected: kept, tty, health }) => {
    const lines = [`[service.${name}]`, `category = "${category}"`, `run = ${JSON.stringify(run)}`];
    if (needs.length > 0) lines.push(`needs = ${JSON.stringify(needs).replaceAll(",", ", ")}`);
    if (run.includes("$PORT")) lines.push('port = "auto"');
    if (health?.startsWith("GET")) lines.push('health = { http = "/health" }');
    else if (health?.startsWith("tcp")) lines.push('health = { tcp = "$PORT" }');
    if (oneshot) lines.push('kind = "oneshot"');
    if (replicas > 1) lines.push(`replicas = ${replicas}`);
    if (tty) lines.push("tty = true");
    if (kept) lines.push("protected = true");
    return lines.join("\n");
  });
  return `# What runs here, and how it is kept alive.\n# Every key is told of in docs/definition.md.\n\n${blocks.join("\n\n")}\n`;
}
