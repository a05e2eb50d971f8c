// Begins: chooses the host, opens the feed, draws the app.

import { mount } from "svelte";
import { Client } from "./ipc/client";
import { platform } from "./platform";
import "./shared/fonts.css";
import { sans } from "./shared/fonts";
import "./shared/tokens.css";
import "./shared/base.css";
import App from "./views/App.svelte";

const client = new Client(await platform());
client.live.start();

// The graph is drawn once and kept; it is drawn in the right letters.
await sans();

const target = document.getElementById("app");
if (target) mount(App, { target, props: { client } });
