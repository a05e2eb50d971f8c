// The emergency stop: what it would end, and what came of it.

import type { Snippet } from "svelte";
import { say } from "../say";
import { count, number } from "./count";

const processes = (n: number): string => count(n, { one: "# process", other: "# processes" });

export const emergency = {
  title: "Emergency stop",
  stoppedTitle: "Stopped",
  left: (n: number) => `${number(n)} left`,
  ended: (n: number, span: string) => `${processes(n)} ended in ${span}`,
  couldNotEnd: "These processes could not be ended. Look at them yourself:",
  lookedBy: "Looked for survivors by",
  report: "Report",
  nothingRuns: "Nothing of Azora runs now. The stop would still look for processes left behind and end them.",
  ends: (instances: Snippet, processes: Snippet) => say`This ends ${instances} with ${processes} at once, without their usual way to stop:`,
  instances: (n: number) => count(n, { one: "# instance", other: "# instances" }),
  processes,
  protected: (n: number) => count(n, { one: "# protected service among them will be stopped too", other: "# protected services among them will be stopped too" }),
  looking: "Looking at what runs…",
  reason: "Reason, for the book of acts",
  reasonExample: "What happened?",
  stopping: "Stopping everything…",
  stopNow: "Stop everything now",
  hold: "Hold to stop everything",
  /** What is typed to confirm. */
  word: "stop",
  orType: (word: Snippet) => say`or type ${word} and press Enter`,
  typeWord: (word: string) => `Type ${word} to confirm`,
  done: "Done",
  cancel: "Cancel",
};
