// Who is told of events by HTTP.

import type { Snippet } from "svelte";
import type { WebhookState } from "../../ipc/generated";
import { say } from "../say";
import { count, list } from "./count";

const events = (n: number): string => count(n, { one: "# event", other: "# events" });

export const webhooks = {
  states: {
    idle: "Idle",
    sending: "Sending",
    retrying: "Retrying",
    gone: "Gone",
  } satisfies Record<WebhookState, string>,
  unread: (why: string) => `Webhooks cannot be read: ${why}`,
  unreadNow: (why: string) => `Webhooks cannot be read, what follows is from before: ${why}`,
  none: "Nobody is told of incidents by HTTP. Add a `[webhook.NAME]` with a `url` to `settings.toml` in the home folder, then start the engine again.",
  why: (state: string, reason: string) => `${state}: ${reason}`,
  triedAgainIn: (span: string) => `, tried again in ${span}`,
  triedAgainNow: ", tried again now",
  events: (kinds: readonly string[]) => kinds.join(", "),
  eventsOf: (kinds: readonly string[], clusters: readonly string[]) => `${kinds.join(", ")} of ${list(clusters)}`,
  delivered: (when: Snippet) => say`· last delivered ${when}`,
  waiting: (n: number) => `· ${events(n)} waiting`,
  waitingSince: (n: number, when: Snippet) => say`· ${events(n)} waiting, the oldest since ${when}`,
  lost: (n: number) => `· ${events(n)} lost`,
  refused: (n: number) => `· ${events(n)} refused`,
  taken: (said: string, span: string) => `Test taken: ${said} (${span})`,
  notTaken: (said: string, span: string) => `Test not taken: ${said} (${span})`,
  test: "Send a test",
  testTo: (webhook: string) => `Send a test to ${webhook}`,
};
