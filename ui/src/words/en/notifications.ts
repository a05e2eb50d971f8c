// What the desktop app says of incidents, and what a person does not want to be told for a while.

import type { Snippet } from "svelte";
import { say } from "../say";
import { count, list } from "./count";

export const notifications = {
  mute: "Mute",
  unmute: "Unmute",
  /** What a button of one icon is called. */
  muteOf: (whom: string) => `Mute notifications of ${whom}`,
  mutedOf: (whom: string) => `Notifications of ${whom} are muted`,
  unmuteOf: (whom: string) => `Unmute ${whom}`,
  muteFor: (span: string) => `Mute ${span}`,
  hours: (n: number) => `for ${n} h`,
  days: (n: number) => `for ${n} d`,
  untilUnmuted: "until unmuted",
  everything: "everything",
  serviceOf: (service: string, cluster: string) => `${service} of ${cluster}`,

  /** As a sentence, of everything, and of something that is named. */
  all: "All notifications are muted.",
  allUntil: (when: Snippet) => say`All notifications are muted until ${when}.`,
  of: (whom: string) => `Notifications of ${whom} are muted.`,
  ofUntil: (whom: string, when: Snippet) => say`Notifications of ${whom} are muted until ${when}.`,
  change: "Change",

  /** The bell in the bar. */
  allUntilText: (when: string) => `All notifications are muted until ${when}.`,
  some: (n: number) => count(n, { one: "# thing is muted", other: "# things are muted" }),

  more: "The desktop app tells you of incidents: what fails, what was healed, what healing gave up on. What is muted is written down all the same, and not told afterwards.",
  none: "Nothing is muted.",
  until: (when: Snippet) => say`until ${when}`,
  since: (when: Snippet) => say`muted ${when}`,
  whom: "What to mute",
  howLong: "For how long",
  muted: "Muted",

  off: "`settings.toml` turns all notifications off.",
  except: (clusters: readonly string[]) => `\`settings.toml\` wants none of ${list(clusters)}.`,
  quiet: (hours: readonly string[]) => `\`settings.toml\` wants none from ${list(hours.map((each) => each.replace("-", " to ")))}.`,
  unread: (why: string) => `What \`settings.toml\` says of notifications cannot be read: ${why}`,
};
