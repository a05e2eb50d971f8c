// How the states of a webhook look and read.

import type { WebhookState } from "../../ipc/generated";
import type { Look } from "../health/states";
import { words } from "../../words";

export const LOOKS: Record<WebhookState, Look> = {
  idle: { word: words.webhooks.states.idle, shape: "check", tone: "good" },
  sending: { word: words.webhooks.states.sending, shape: "half", tone: "busy" },
  retrying: { word: words.webhooks.states.retrying, shape: "triangle", tone: "warn" },
  gone: { word: words.webhooks.states.gone, shape: "cross", tone: "bad" },
};
