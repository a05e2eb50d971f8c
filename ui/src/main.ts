// Begins: chooses the host, opens the feed, draws the app.

import { mount } from "svelte";
import { Client } from "./ipc/client";
import { pageClock } from "./ipc/live";
import { sleepWhileHidden } from "./ipc/sleep";
import { platform } from "./platform";
import "./shared/fonts.css";
import { sans } from "./shared/fonts";
import "./shared/tokens.css";
import "./shared/base.css";
import App from "./views/App.svelte";

const client = new Client(await platform());
client.live.start();
sleepWhileHidden(client.live, document, pageClock());

// The graph is drawn once and kept; it is drawn in the right letters.
await sans();

const target = document.getElementById("app");
if (target) mount(App, { target, props: { client } });

// For whoever measures a start: the first picture with the engine's word in it is drawn.
const drawn = (): void => void requestAnimationFrame(() => setTimeout(() => performance.mark("azora-usable")));
if (client.live.home.engine !== null) drawn();
else {
  const first = client.live.subscribe("engine", () => {
    first();
    drawn();
  });
}
