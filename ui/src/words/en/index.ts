// English: one file for each room, under the name of its folder.

import { activity } from "./activity";
import { emergency } from "./emergency";
import { host } from "./host";
import { palette } from "./palette";
import { registry } from "./registry";
import { shared } from "./shared";
import { states } from "./states";
import { views } from "./views";
import { webhooks } from "./webhooks";

export const en = { activity, emergency, host, palette, registry, shared, states, views, webhooks };
