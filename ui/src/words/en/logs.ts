// One log or several in the order of time: reading, finding, filtering, saving.

import type { LogLevel } from "../../ipc/generated";
import { count, number } from "./count";

const logCount = (n: number): string => count(n, { one: "# log", other: "# logs" });
const lines = (n: number): string => count(n, { one: "# line", other: "# lines" });

export const logs = {
  logOf: (instance: string) => `Log of ${instance}`,
  merged: "Merged log",
  linesOf: (instance: string) => `Lines of ${instance}`,
  linesOfAll: "Lines of all chosen services",
  place: "Place in the log",
  noneFits: "No line fits the filter.",
  noneWritten: "Nothing was written yet.",
  following: "following",
  follow: "Follow",
  notFollowed: (reason: string) => `The log is not followed at the moment: ${reason}. Trying again.`,

  find: "Find in log",
  pattern: "Regular expression",
  before: "Match before",
  next: "Next match",
  only: "Only matches",
  nth: (nth: number, all: number) => `${number(nth)} of ${number(all)}`,
  searching: "searching",
  noMatch: "no match",
  found: (n: number) => `${number(n)} found`,
  noneHolds: "No line holds it.",
  wasLast: "That was the last one.",
  wasFirst: "That was the first one.",

  level: "Level",
  levels: {
    all: "All levels",
    debug: "Debug and up",
    info: "Info and up",
    warn: "Warn and up",
    error: "Errors",
  } satisfies Partial<Record<LogLevel | "all", string>>,
  time: "Time",
  spans: { all: "All time", minutes: "Last 5 min", hour: "Last hour", day: "Last 24 h" },

  goTo: "Go to",
  goToPlace: "Time, or address",
  goToExample: "14:05 · 15m · #1024",
  goToHow: "Type a time like 14:05, how long ago like 15m, or an address like #1024.",
  go: "Go",

  firstError: "First error",
  noError: "No line of this run looks like an error.",
  /** `at` is a time of day, `text` the line. */
  errorGone: (at: string | null, text: string) => `The first error of this run${at === null ? "" : ` at ${at}`} is no longer in the log: ${text}`,
  /** `size` is a number with its unit. */
  unseen: (size: string) => `${size} of it went by too fast to be looked at.`,

  selected: (n: number) => `${lines(n)} selected`,
  copy: "Copy",
  copyLink: "Copy link",
  clear: "Clear",
  copiedLines: (n: number) => `Copied ${lines(n)}.`,
  copiedLink: "Copied a link to the line.",
  notCopied: "Copying is not allowed here. Select the text itself.",

  timeUnknown: "Time not known",
  openLine: "Open the line",
  closeLine: "Close the line",
  missed: (size: string) => `${size} before this line are no longer kept … `,
  moreCharacters: (n: number) => ` … ${count(n, { one: "# more character", other: "# more characters" })}`,
  moreRows: (n: number) => `… ${count(n, { one: "# more row", other: "# more rows" })}`,

  services: "Services",
  filter: "Filter services",
  allServices: (n: number) => `All ${count(n, { one: "# service", other: "# services" })}`,
  chosenServices: (n: number) => `${count(n, { one: "# service", other: "# services" })} chosen`,
  showAll: "Show all",
  noLog: "No log yet",
  noLogMore: "What services write is shown here once they were started.",

  save: "Save",
  saveTitle: "Save the log",
  saveOne: (instance: string, filtered: boolean) => `What is kept of the log of ${instance}${filtered ? ", filtered as it is shown," : ""} becomes a file on this machine.`,
  saveSeveral: (n: number, filtered: boolean) => `What is kept of ${logCount(n)}, in the order of time${filtered ? " and filtered as it is shown" : ""}, becomes a file on this machine.`,
  form: "How it is written",
  forms: { text: "As text", raw: "As written" },
  formMore: {
    text: "Without colours and secrets, and with nothing in it that could harm a terminal.",
    raw: "Byte for byte, with colours, secrets and whatever else the service wrote. The book of acts keeps that you did.",
  },
  rawReason: "its log is saved as it was written",
  saving: "Saved",
  savedOf: (n: number, size: string) => `${lines(n)} of ${size}`,
  saved: (n: number) => `Saved ${lines(n)}.`,
  path: "the path of the file",
  openInEditor: "Open in editor",
  saveAndOpen: "Save and open in editor",
  cancel: "Cancel",
  done: "Done",
};
