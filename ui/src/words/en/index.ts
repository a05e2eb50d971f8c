// English: one file for each room, under the name of its folder.

import { shared } from "./shared";
import { states } from "./states";
import { views } from "./views";

export const en = { shared, states, views };
