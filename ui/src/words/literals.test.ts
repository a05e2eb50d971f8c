// Every word that a person reads or hears stands in the catalogue, and every word of the catalogue is used.

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { inMarkup, inScript } from "./literals";
import { words } from ".";

/** Not in the product, or names of letters. */
const FREE = /^views\/StylePage\.svelte$|^shared\/fonts\.ts$|^platform\/fake\/|\.test\.ts$|^ipc\/generated\.ts$|^words\//;

const SRC = new URL("../", import.meta.url);
const files = (readdirSync(SRC, { recursive: true, encoding: "utf8" }) as string[]).map((each) => each.replaceAll("\\", "/")).filter((each) => /\.(svelte|ts)$/.test(each) && !FREE.test(each)).sort();

interface Source {
  file: string;
  text: string;
  /** What it takes of anything: `.name`, and what it looks up in: `.name[`. */
  takes: ReadonlySet<string>;
  looksIn: ReadonlySet<string>;
}
/** Each is read once: there are some hundred, and as many words as they have lines with any. */
const sources = files.map((file): Source => {
  const text = readFileSync(new URL(file, SRC), "utf8");
  const names = (pattern: RegExp): ReadonlySet<string> => new Set(Array.from(text.matchAll(pattern), (match) => match[1] ?? ""));
  return { file, text, takes: names(/\.(\w+)/g), looksIn: names(/\.(\w+)\[/g) };
});
function wordsOf({ file, text }: Source): string[] {
  const found = file.endsWith(".svelte") ? inMarkup(text) : inScript(text);
  return found.map((each) => `${file}:${each.line} ${each.text}`);
}

// All of the UI is parsed: a second of work, and many where others have the processors.
describe("the catalogue", { timeout: 120_000 }, () => {
  it("has all words", () => {
    expect(sources.flatMap(wordsOf)).toEqual([]);
  });

  it("has no word that nobody says, and none that another room takes", () => {
    const idle: string[] = [];
    for (const [room, group] of Object.entries(words)) {
      const everywhere = room === "shared" || room === "states";
      const at = room === "views" || room === "ipc" || room === "platform" ? `${room}/` : `features/${room}/`;
      const own = sources.filter(({ file }) => everywhere || file.startsWith(at) || file.startsWith("views/"));
      const look = (group: object, path: string): void => {
        for (const [key, value] of Object.entries(group)) {
          if (typeof value !== "object" || value === null) {
            if (!own.some(({ takes }) => takes.has(key))) idle.push(path + key);
          } else if (!own.some(({ looksIn }) => looksIn.has(key))) look(value, `${path}${key}.`);
        }
      };
      look(group, `${room}.`);
      if (!everywhere) {
        const elsewhere = sources.filter(({ file, text }) => !file.startsWith(at) && !file.startsWith("views/") && new RegExp(`\\bwords\\.${room}\\b`).test(text));
        idle.push(...elsewhere.map(({ file }) => `${file} takes words.${room}`));
      }
    }
    expect(idle).toEqual([]);
  });
});

describe("words in code", () => {
  const texts = (source: string): string[] => inMarkup(source).map((each) => each.text);

  it("are found in text and in what is said of an element", () => {
    expect(texts("<p>Hello <b>you</b> 3 ms</p>")).toEqual(["Hello", "you"]);
    expect(texts('<a aria-label="Close" href="/there" class="one two" title="{n} more">×</a>')).toEqual(["Close", "more"]);
    expect(texts('<Empty icon="folder" title="No cluster yet" />')).toEqual(["No cluster yet"]);
  });

  it("are found in what an expression may be, not in what it asks", () => {
    expect(texts('{state === "ready" ? "up" : `for ${span(3)}`}')).toEqual(["up", "for"]);
    expect(texts('{url.href("incidents", { show: "open" })}')).toEqual([]);
    expect(texts("{[a, `took ${n}`].filter(Boolean).join(\" · \")}")).toEqual(["took"]);
    expect(texts('<Button label={open ? "Close it" : w.open} kind="quiet" data-testid="x y" />')).toEqual(["Close it"]);
    expect(texts('{#if a}{#each b as c (c)}{:else}<i>none</i>{/each}{:else}<Tabs tabs={[{ id: "a", name: "All" }]}>{#snippet one()}said{/snippet}</Tabs>{/if}')).toEqual(["none", "All", "said"]);
  });

  it("are found in scripts when they look like words", () => {
    expect(inScript('import x from "A b";\nconst SHOW = [["all", "All"]];\nif (key === "Enter It") fail(`no ${n} left`);').map((each) => [each.line, each.text])).toEqual([[2, "All"], [3, "no "], [3, " left"]]);
    expect(texts('<script lang="ts">\n  let a = $state("Not saved");\n</script>\n<p class="a">{a}</p>')).toEqual(["Not saved"]);
  });
});
