// English: one file for each room, under the name of its folder.

import { activity } from "./activity";
import { clusters } from "./clusters";
import { data } from "./data";
import { definition } from "./definition";
import { emergency } from "./emergency";
import { gateway } from "./gateway";
import { governance } from "./governance";
import { health } from "./health";
import { host } from "./host";
import { incidents } from "./incidents";
import { logs } from "./logs";
import { notifications } from "./notifications";
import { palette } from "./palette";
import { platform } from "./platform";
import { registry } from "./registry";
import { rehearsal } from "./rehearsal";
import { services } from "./services";
import { shared } from "./shared";
import { states } from "./states";
import { terminal } from "./terminal";
import { topology } from "./topology";
import { views } from "./views";
import { webhooks } from "./webhooks";

export const en = {
  activity,
  clusters,
  data,
  definition,
  emergency,
  gateway,
  governance,
  health,
  host,
  incidents,
  logs,
  notifications,
  palette,
  platform,
  registry,
  rehearsal,
  services,
  shared,
  states,
  terminal,
  topology,
  views,
  webhooks,
};
