import { expect, test } from "vitest";
import { effects } from "./effects";
import { endsOf, languageOf, offsets, parts, placeAt, serviceLines, withEnds } from "./place";
import { keysAt, valuesAt } from "./schema";

const at = (text: string): string => {
  const found = placeAt(text);
  return found === null ? "nowhere" : `${found.writes} ${found.path.join("/")}`;
};

test("where something is written is known from the table and the key before it", () => {
  expect(at("")).toBe("key ");
  expect(at("[service.api]\nru")).toBe("key service/api");
  expect(at("[service.api.heal]\nladder = ")).toBe("value service/api/heal/ladder");
  expect(at("[service.api]\nready = { ht")).toBe("key service/api/ready");
  expect(at("[service.api]\nready = { http = ")).toBe("value service/api/ready/http");
  expect(at('[service.api]\nneeds = ["d')).toBe("value service/api/needs");
  expect(at('[service.api]\nneeds = [\n  "db",\n  "')).toBe("value service/api/needs");
  expect(at('[service.api]\nneeds = [\n  "db",\n]\nru')).toBe("key service/api");
  expect(at("[service.api]\n# ru")).toBe("nowhere");
  expect(parts('service."a.b".heal')).toEqual(["service", "a.b", "heal"]);
});

test("the schema says what may stand there", () => {
  const names = (path: string[]): string[] => keysAt(path).map((each) => each.label);
  expect(names([])).toEqual(["cluster", "service"]);
  expect(names(["service", "anything"])).toContain("tty");
  expect(names(["service", "anything", "ready"])).toContain("http");
  expect(valuesAt(["service", "anything", "kind"])).toEqual(['"daemon"', '"oneshot"']);
  expect(valuesAt(["service", "anything", "tty"])).toEqual(["true", "false"]);
  expect(keysAt(["service", "anything"]).find((each) => each.label === "needs")?.info).not.toBe("");
});

test("a service has the lines of all its tables", () => {
  const text = "[service.db]\nrun = 1\n\n[service.api]\nrun = 2\n\n[service.api.heal]\nx = 1\n\n[service.web]\nrun = 3\n";
  expect(serviceLines(text, "api")).toEqual({ from: 4, to: 8 });
  expect(serviceLines(text, "none")).toBeNull();
});

test("a place counts characters, an offset units", () => {
  const text = "a = 1\n# 🚀 x\n";
  expect(offsets(text, 1, 5, 1)).toEqual({ from: 4, to: 5 });
  expect(offsets(text, 2, 5, 1)).toEqual({ from: text.indexOf("x"), to: text.indexOf("x") + 1 });
  expect(offsets(text, 9, 1, 1).from).toBeLessThanOrEqual(text.length);
});

test("what takes something down is said first", () => {
  const edit = { added: ["new"], removed: ["old"], restarted: [{ service: "api", what: ["run a → b"] }], adjusted: [], notes: [] };
  expect(effects(edit).map((each) => `${each.kind} ${each.services.map((one) => one.name).join()}`)).toEqual(["stop old", "restart api", "start new"]);
});

test("an edit keeps the line ends of the file", () => {
  const read = "[service.a]\r\nrun = \"true\"\r\n\r\n";
  const edited = `${withEnds(read, "\n")}# more\n`;
  expect(edited).not.toContain("\r");
  expect(withEnds(edited, endsOf(read))).toBe(`${read}# more\r\n`);
  for (const plain of ["", "one", "a\n\nb\n", "mixed\r\nof both\n", "\n\r\n"]) expect(endsOf(plain)).toBe("\n");
});

test("a file is coloured as what it is", () => {
  const files = ["azora.toml", "compose.yaml", "docker-compose.dev.yml", "process-compose.yaml", "Procfile", "Procfile.dev"];
  expect(files.map(languageOf)).toEqual(["toml", "yaml", "yaml", "yaml", "plain", "plain"]);
});
