// The terminal of an instance.

import type { Snippet } from "svelte";
import { say } from "../say";
import { count } from "./count";

export const terminal = {
  label: "Terminal",
  of: (instance: string) => `Terminal of ${instance}`,
  attaching: "Attaching.",
  youType: "You type here.",
  letGoKeys: "Ctrl-P Ctrl-Q lets go.",
  readOnly: "Read-only.",
  somebodyTypes: (via: string, since: Snippet) => say`Somebody types here (${via}) since ${since}. Press Enter to take the input.`,
  howToType: "Click, or press Enter, to type.",
  size: "Columns and rows, as large as who types has it",
  copy: "Copy the selection, or all of it",
  selectionCopied: "Selection copied",
  letGo: "Let go",
  typeHere: "Type here",
  leftOut: (bytes: number) => count(bytes, { one: "# byte came faster than it could be shown. The log has it.", other: "# bytes came faster than they could be shown. The log has them." }),
  detached: (why: string) => `Not attached at the moment: ${why}. Trying again.`,
  tooMuch: "That is too much to paste at once: a million characters at most.",
};
