// The definition of a cluster: read, edited, checked and applied.

import { count } from "./count";

export const definition = {
  label: "Definition",
  of: (cluster: string) => `Definition of ${cluster}`,
  edited: "edited",
  revert: "Revert",
  readAgain: "Read the file again",
  apply: "Apply…",
  reading: "Reading the file.",
  checking: "Checking.",
  notChecked: (why: string) => `Not checked: ${why}`,
  problems: (n: number) => count(n, { one: "# problem", other: "# problems" }),
  applyEdit: "Apply the edit",
  applyEditMore: (cluster: string) => `The file is written, and ${cluster} is brought up on it.`,
  applyFile: "Apply the file",
  applyFileMore: (cluster: string) => `${cluster} is brought up on what the file says.`,
  cancel: "Cancel",
  confirmEdit: "Write and apply",
  confirmFile: "Apply",
  /** It reads after "It was written, and": what the engine says of the act. */
  writtenBut: (outcome: string) => `it was written, and ${outcome}`,
  nothingTouched: "No problems, and nothing that runs is touched by it.",
  nothingToDo: "No problems. What runs is what the file says.",
  effects: {
    restart: (n: number) => count(n, { one: "# service to restart", other: "# services to restart" }),
    start: (n: number) => count(n, { one: "# service to start", other: "# services to start" }),
    stop: (n: number) => count(n, { one: "# service to stop", other: "# services to stop" }),
    adjust: (n: number) => count(n, { one: "# service to change while running", other: "# services to change while running" }),
  },
  /** What a key takes, in the words of TOML where it has none of its own: "boolean", "integer". */
  kinds: { object: "table", array: "list", string: "text" },
  /** Between the kinds of value that a key takes. */
  or: (kinds: readonly string[]) => kinds.join(" or "),
};
