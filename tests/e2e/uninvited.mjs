// Who may not call anything of the app: frames in the window's page, and a window that no capability names. In the real
// web view; run it with tests/e2e/display. Every command of the table is tried from each, and none is carried out.

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { Home, ROOT } from "./lib/azora.mjs";
import { endAll, run } from "./lib/processes.mjs";
import { Story } from "./lib/story.mjs";
import { until } from "./lib/wait.mjs";
import { openWindow, screen } from "./lib/window.mjs";

const SHOP = `[cluster]
name = "shop"
[cluster.defaults]
health = { http = "/health", every = "1s", timeout = "5s" }
[service.db]
run = "organ --name db --port $PORT"
port = 0
`;

/** The commands, as the app's build reads them. */
function commands() {
  const file = fs.readFileSync(path.join(ROOT, "src-tauri/api/src/command_names.rs"), "utf8");
  const names = [...file.slice(file.indexOf("= &[")).matchAll(/"(\w+)"/g)].map(([, name]) => name);
  if (names.length < 60) throw new Error(`the table has ${names.length} names`);
  return names;
}

/** Titles of all windows there are. */
function titles() {
  const ids = run("xdotool", ["search", "--name", "."]).trim().split("\n").filter(Boolean);
  return ids.map((id) => {
    try {
      return run("xdotool", ["getwindowname", id]).trim();
    } catch {
      // It is gone.
      return "";
    }
  });
}

/** Tries every way that Tauri has of being called. Runs in a frame; says what was carried out, and in how many ways it tried. */
const CALLS = `
  const [names, done] = arguments;
  const within = (promise) => Promise.race([promise, new Promise((late) => setTimeout(late, 3000, "no answer"))]);
  const let_in = [];
  let tried = 0;
  const attempt = (what, promise) => {
    tried += 1;
    return within(promise).then(
      (said) => said === "no answer" || let_in.push(what + ": " + JSON.stringify(said).slice(0, 80)),
      () => {},
    );
  };
  const all = names.flatMap((name) => {
    const ways = [];
    const headers = { "Content-Type": "application/json", "Tauri-Callback": "1", "Tauri-Error": "2" };
    for (const key of [null, "", "0".repeat(32), "undefined"]) {
      const own = key === null ? headers : { ...headers, "Tauri-Invoke-Key": key };
      const asked = fetch("ipc://localhost/" + name, { method: "POST", headers: own, body: '{"request":{},"id":0}' });
      ways.push(attempt(name + " by ipc:", asked.then((answer) => {
        if (answer.headers.get("Tauri-Response") !== "ok") throw new Error("refused");
        return answer.text();
      })));
    }
    for (const whose of ["self", "parent", "top"]) {
      const call = async () => {
        const internals = window[whose].__TAURI_INTERNALS__;
        if (!internals) throw new Error("there is none");
        return internals.invoke(name, { request: {}, id: 0 });
      };
      ways.push(attempt(name + " by " + whose, call()));
    }
    const send = async () => {
      const message = { cmd: name, callback: 1, error: 2, payload: { request: {}, id: 0 }, options: { headers: {} }, __TAURI_INVOKE_KEY__: "0" };
      const post = window.ipc ?? window.webkit?.messageHandlers?.ipc;
      post.postMessage(JSON.stringify(message));
      // What comes of it is seen from outside.
      throw new Error("it does not answer here");
    };
    ways.push(attempt(name + " by a message", send()));
    return ways;
  });
  Promise.all(all).then(() => done({ let_in, tried, origin: self.origin }));
`;

await Story.tell("who may not call the app", 600_000, async (story) => {
  const home = new Home();
  home.env.AZORA_TEST_UNINVITED = "1";
  story.afterwards(() => home.close());
  story.afterwards(endAll);
  story.onFailure(() => screen("uninvited-failed"));
  const folder = path.join(home.path, "src", "shop");
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, "azora.toml"), SHOP);
  const names = commands();

  const asked = [];
  const server = http.createServer((request, response) => {
    asked.push(request.url);
    response.setHeader("Content-Type", "text/html").end("<!doctype html><script>parent.postMessage('ran', '*')</script>");
  });
  await new Promise((listens) => server.listen(0, "127.0.0.1", listens));
  story.afterwards(() => server.closeAllConnections() ?? server.close());
  const elsewhere = `http://127.0.0.1:${server.address().port}`;

  let ui;
  await story.step("the window opens, and may call", async () => {
    ui = await openWindow(home, ["--trust", folder]);
    await until("the service to run", () => home.instance(folder, "db").state === "ready");
    const answer = await ui.runLater(`window.__TAURI_INTERNALS__.invoke("ps", { request: {} }).then(arguments[0], (error) => arguments[0](String(error)))`);
    if (!answer.instances) throw new Error(`ps answered ${JSON.stringify(answer)}`);
    return `${names.length} commands`;
  });
  story.afterwards(() => ui?.close());

  /** What none of them may change. */
  const state = () => {
    const { instances } = home.ps(folder);
    return JSON.stringify([home.json("acts"), instances.map(({ instance, pid, generation }) => [instance, pid, generation]), home.json("status").engine.pid]);
  };
  const held = (before) => {
    const after = state();
    if (after !== before) throw new Error(`it was ${before}\nand is ${after}`);
  };

  await story.step("a window that no capability names is refused every command", async () => {
    const before = state();
    const said = await until("it to say so in its title", () => titles().find((title) => /^uninvited: /.test(title)), 120_000);
    if (!said.startsWith(`uninvited: ${names.length} of ${names.length} refused; 0 not`)) throw new Error(said);
    held(before);
    return said;
  });

  await story.step("no page of elsewhere comes into a frame of the page", async () => {
    await ui.run(
      `window.heard = [];
       addEventListener("message", ({ data }) => window.heard.push(data));
       const page = "<script>parent.postMessage('ran', '*')</" + "script>";
       const blob = URL.createObjectURL(new Blob([page], { type: "text/html" }));
       const sources = [arguments[0], "data:text/html," + encodeURIComponent(page), blob, "javascript:parent.postMessage('ran', '*')"];
       for (const src of sources) document.body.append(Object.assign(document.createElement("iframe"), { src, className: "elsewhere" }));
       for (const tag of ["object", "embed"]) {
         document.body.append(Object.assign(document.createElement(tag), tag === "object" ? { data: arguments[0] } : { src: arguments[0] }));
       }
       for (const sandbox of [null, "allow-scripts"]) {
         const frame = document.createElement("iframe");
         if (sandbox) frame.sandbox = sandbox;
         Object.assign(frame, { srcdoc: page, className: "inline" });
         document.body.append(frame);
       }`,
      elsewhere,
    );
    // What would have come has come when this has, which the page may have.
    await ui.runLater(`fetch("/index.html").then(() => setTimeout(arguments[0], 2000))`);
    const heard = await ui.run("return window.heard");
    if (heard.length > 0 || asked.length > 0) throw new Error(`${heard.length} ran, and ${asked} was asked for`);
    return "4 kinds of address, object and embed, and scripts of 2 that are written in the page: none loaded, none ran";
  });

  // Scripts that no policy of the page can keep out: those of the driver.
  await story.step("what runs in a frame all the same is refused every command", async () => {
    const before = state();
    const frames = await ui.run(`
      for (const each of document.querySelectorAll("iframe, object, embed")) each.remove();
      for (const src of ["about:blank", arguments[0]]) {
        document.body.append(Object.assign(document.createElement("iframe"), { sandbox: "allow-scripts", src }));
      }
      document.body.append(Object.assign(document.createElement("iframe"), { sandbox: "allow-scripts allow-forms allow-popups", srcdoc: "<p>x" }));
      return document.querySelectorAll("iframe").length`, elsewhere);
    let tried = 0;
    const origins = [];
    for (let at = 0; at < frames; at += 1) {
      await ui.frame(at);
      const done = await ui.runLater(CALLS, names);
      await ui.frame(null);
      if (done.let_in.length > 0) throw new Error(`from ${done.origin}: ${done.let_in.slice(0, 10).join("\n")}`);
      tried += done.tried;
      origins.push(done.origin);
    }
    if (asked.length > 0) throw new Error(`${asked} was asked for`);
    held(before);
    return `${frames} frames of ${origins.join(", ")}: ${tried} calls, 0 carried out`;
  });

  await story.step("the window may still call", async () => {
    const answer = await ui.runLater(`window.__TAURI_INTERNALS__.invoke("ps", { request: {} }).then(arguments[0], (error) => arguments[0](String(error)))`);
    if (!answer.instances) throw new Error(`ps answered ${JSON.stringify(answer)}`);
  });
});
