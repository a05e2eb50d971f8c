// How the states of a webhook look and read.

import type { WebhookState } from "../../ipc/generated";
import type { Look } from "../health/states";

export const LOOKS: Record<WebhookState, Look> = {
  idle: { word: "Idle", shape: "check", tone: "good" },
  sending: { word: "Sending", shape: "half", tone: "busy" },
  retrying: { word: "Retrying", shape: "triangle", tone: "warn" },
  gone: { word: "Gone", shape: "cross", tone: "bad" },
};
