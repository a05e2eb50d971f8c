// Writes docs/outputs.schema.json, the JSON Schema of what commands print with `--json`, from outputs.ts and the
// types of the engine. With `--check` it writes nothing and fails where the file is another one.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createGenerator } from "ts-json-schema-generator";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const FILE = at("../../docs/outputs.schema.json");

const made = createGenerator({
  path: at("outputs.ts"),
  tsconfig: at("../tsconfig.json"),
  type: "Outputs",
  additionalProperties: false,
  skipTypeCheck: true,
  sortProps: false,
}).createSchema("Outputs");

// On the way to a person's script a time is a text; on the way to the window it is a number.
made.definitions.Timestamp = {
  type: "string",
  format: "date-time",
  description: "A time in UTC: `2025-11-22T14:00:00.000Z`.",
};
const commands = made.definitions.Outputs.properties;
delete made.definitions.Outputs;

const schema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "What the commands of azora print with --json",
  description:
    "Each command has its own shape under `properties`, by the words that name it. It is exact for this version: a " +
    "later one may add fields, and keeps the name, type and meaning of those that are there.",
  type: "object",
  properties: commands,
  definitions: made.definitions,
};
const text = JSON.stringify(schema, null, 1) + "\n";

if (process.argv.includes("--check")) {
  if (readFileSync(FILE, "utf8") !== text) {
    throw new Error("docs/outputs.schema.json is not as generated: run `npm run schema` in ui/ and commit it");
  }
} else {
  writeFileSync(FILE, text);
}
