// Native notifications as they pass over the session bus.

import fs from "node:fs";
import { run, start } from "./processes.mjs";
import { until } from "./wait.mjs";

export class Notifications {
  /** Listens from now on. */
  static async listen(log) {
    fs.rmSync(log, { force: true });
    const match = "type='method_call',interface='org.freedesktop.Notifications',member='Notify'";
    start("dbus-monitor", ["--session", match], { log });
    const heard = new Notifications(log);
    // It reports its own name first; only then is it listening.
    await until("dbus-monitor to listen", () => heard.#text().includes("NameAcquired"), 10_000);
    return heard;
  }

  constructor(log) {
    this.log = log;
  }

  #text() {
    return fs.existsSync(this.log) ? fs.readFileSync(this.log, "utf8") : "";
  }

  /** All so far: application, title, body. */
  all() {
    const calls = this.#text().split(/^method call /m).slice(1);
    return calls
      .filter((call) => /member=Notify$/m.test(call.split("\n", 1)[0]))
      .map((call) => {
        const strings = [...call.matchAll(/^ {3}string "([^]*?)"$/gm)].map((found) => found[1]);
        const [application, , title, body] = strings;
        return { application, title, body };
      });
  }

  /** Clicks the one that was drawn last: what dunst calls its default action. */
  click() {
    return until("the notification to be clicked", () => run("dunstctl", ["action", "0"]) !== null, 10_000);
  }

  /** The first whose title matches. */
  about(pattern, limit = 30_000) {
    return until(
      `a notification titled ${pattern}`,
      () => {
        const found = this.all().find((one) => pattern.test(one.title ?? ""));
        if (!found) throw new Error(`on the bus: ${JSON.stringify(this.all())}`);
        return found;
      },
      limit,
    );
  }
}
