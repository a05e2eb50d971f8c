// Pages of others in a real browser: none registers, reads or acts on anything of ours, and none of another site reaches
// a service through the gateway. Every way that a page has of asking is tried on an undefended server as well, which has
// to see it, or the trial would prove nothing.

import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { Home } from "./lib/azora.mjs";
import { open } from "./lib/browser.mjs";
import { Story } from "./lib/story.mjs";
import { until } from "./lib/wait.mjs";

/** Names that only this browser knows, and that are this machine: what a name server of an attacker would say. */
const STRANGERS = ["evil.test", "rebound.test"];
/** What is said to who asks by such a name, by status or in words. */
const REFUSALS = /read (403|421) |the Host header is not this registry's|this address answers only as|the gateway serves no such host/i;
/** How long a page waits for what it is not told. */
const SILENCE = 1_500;

/** The gateway lets a link through that leads to a page of its own, and what that page then asks of itself. */
function isLink({ method, headers }) {
  const [site, mode, dest] = ["site", "mode", "dest"].map((what) => headers[`sec-fetch-${what}`]);
  return method === "GET" && (site === "same-origin" || (mode === "navigate" && dest === "document"));
}

/** A server that writes down who asks, links for themselves, and lets everybody read. */
function recorder(answer = (request, response) => response.end("secret")) {
  const [asked, links] = [[], []];
  const server = http.createServer((request, response) => {
    (isLink(request) ? links : asked).push(`${request.method} ${request.url}`);
    request.resume();
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Allow-Methods", "*");
    response.setHeader("Access-Control-Allow-Headers", "*");
    answer(request, response);
  });
  server.on("upgrade", (request, socket) => {
    asked.push(`UPGRADE ${request.url}`);
    socket.destroy();
  });
  return new Promise((listens) => {
    server.listen(0, "127.0.0.1", () => listens({ port: server.address().port, asked, links, close: () => server.closeAllConnections() ?? server.close() }));
  });
}

/** A port that nobody has just now. */
function freePort() {
  const server = http.createServer();
  return new Promise((free) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => free(port));
    });
  });
}

/**
 * What a page tries on one address. Runs in the page; says how often it tried what, and what it could read or do. Of what
 * is refused it can read nothing but that: not a byte, not the status, not a size.
 */
async function attack({ base, paths, mark, silence, own }) {
  const got = [];
  const tried = {};
  const soon = (promise) => Promise.race([promise.catch(() => {}), new Promise((done) => setTimeout(done, silence))]);
  const body = JSON.stringify({ name: `evil-${mark}`, url: "http://127.0.0.1:9", ttl: 60, ID: `evil-${mark}`, Name: `evil-${mark}`, Port: 9 });
  const text = { "Content-Type": "text/plain" };
  const json = { "Content-Type": "application/json" };
  const urlencoded = { "Content-Type": "application/x-www-form-urlencoded" };
  const token = { Authorization: `Bearer ${"0".repeat(64)}` };

  const fetched = (what, init) => async (url) => {
    const answer = await fetch(url, init);
    const read = await answer.text();
    if (answer.type !== "opaque" || read !== "") got.push(`${what} read ${answer.status} ${read.slice(0, 60)}`);
  };
  const element = (tag, attributes) => async (url) => {
    const made = document.createElement(tag);
    const ended = new Promise((done) => {
      made.onload = made.onloadeddata = () => done("loaded");
      made.onerror = () => done("failed");
    });
    Object.assign(made, attributes(url));
    document.body.append(made);
    const how = await ended;
    if (how === "loaded" && ["img", "video", "audio", "track"].includes(tag)) got.push(`${tag} loaded`);
    let inside = null;
    try {
      inside = made.contentDocument?.body?.textContent ?? made.sheet?.cssRules.length ?? null;
    } catch {
      // What is of another origin throws.
    }
    // A frame that nothing came into is empty, and of this page.
    if (inside) got.push(`${tag} read ${inside}`);
  };
  const form = (method, enctype) => async (url) => {
    const frame = document.createElement("iframe");
    frame.name = `form-${Math.random()}`;
    document.body.append(frame);
    const made = document.createElement("form");
    Object.assign(made, { action: url, method, enctype, target: frame.name });
    const field = document.createElement("input");
    // As text/plain it is JSON: {…,"x":"="}.
    Object.assign(field, { name: body.slice(0, -1) + ',"x":"', value: '"}' });
    made.append(field);
    document.body.append(made);
    made.submit();
  };
  const sandboxed = (init) => async (url) => {
    // A page without an origin of its own.
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts allow-forms";
    frame.srcdoc = `<script>fetch(${JSON.stringify(url)}, ${JSON.stringify(init)})</` + `script>`;
    document.body.append(frame);
  };
  const asked = (method, headers, withCredentials) => (url) =>
    new Promise((done) => {
      const request = new XMLHttpRequest();
      request.open(method, url);
      request.withCredentials = withCredentials;
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.onloadend = () => {
        if (request.status !== 0) got.push(`XMLHttpRequest read ${request.status} ${request.responseText.slice(0, 60)}`);
        done();
      };
      request.send(method === "GET" ? null : body);
    });
  const socket = (protocols, query) => (url) =>
    new Promise((done) => {
      const made = new WebSocket(url.replace("http", "ws") + query, protocols);
      made.onopen = () => {
        made.send(JSON.stringify({ token: "0".repeat(64), stream: "feed", request: {} }));
        done(got.push("WebSocket opened"));
      };
      made.onmessage = () => got.push("WebSocket read");
      made.onerror = done;
    });
  const events = (withCredentials) => (url) =>
    new Promise((done) => {
      const made = new EventSource(url, { withCredentials });
      made.onopen = () => done(got.push("EventSource opened"));
      made.onmessage = () => done(got.push("EventSource read"));
      made.onerror = () => done(made.close());
    });
  const opened = async (url) => {
    const other = window.open(url);
    if (!other) return;
    const heard = (message) => got.push(`a message of the window: ${JSON.stringify(message.data)}`);
    window.addEventListener("message", heard);
    // As long as nothing has come it is an empty page, and this one's; what comes is another origin's, or can be read.
    const read = await new Promise((done) => {
      const look = () => {
        try {
          if (other.location.href === "about:blank" || other.document.readyState !== "complete") return setTimeout(look, 5);
          done(other.document.body?.textContent);
        } catch {
          done(null);
        }
      };
      look();
    });
    other.postMessage({ token: true, stream: "feed" }, "*");
    // Behind a question to the same server: who answers messages has done so by then.
    await fetch(url, { mode: "no-cors" }).catch(() => {});
    if (read) got.push(`a window read ${read.slice(0, 60)}`);
    other.close();
    window.removeEventListener("message", heard);
  };
  const worked = async (url) => {
    const code = `fetch(${JSON.stringify(url)}).then((a) => a.text()).then((t) => postMessage("read " + t.slice(0, 60)), () => postMessage(""));
      fetch(${JSON.stringify(url)}, { method: "POST", mode: "no-cors", body: ${JSON.stringify(body)} }).catch(() => {});`;
    const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
    const said = await new Promise((done) => {
      worker.onmessage = ({ data }) => done(data);
      worker.onerror = () => done("");
    });
    if (said) got.push(`a worker ${said}`);
    worker.terminate();
  };
  // One of this page's own origin, which answers for what the page asks.
  const served = async (url) => {
    const registration = await navigator.serviceWorker.register("/__worker.js", { scope: "/" });
    await navigator.serviceWorker.ready;
    const worker = registration.active ?? registration.waiting ?? registration.installing;
    const said = await new Promise((done) => {
      const channel = new MessageChannel();
      channel.port1.onmessage = ({ data }) => done(data);
      worker.postMessage({ url, body }, [channel.port2]);
    });
    if (said) got.push(`a service worker ${said}`);
    await registration.unregister();
  };
  const imported = async (url) => {
    const module = await import(url);
    got.push(`a module loaded ${Object.keys(module)}`);
  };
  const drawn = async (url) => {
    const image = new Image();
    image.crossOrigin = "anonymous";
    const how = await new Promise((done) => {
      image.onload = () => done("loaded");
      image.onerror = () => done("failed");
      image.src = url;
    });
    if (how === "loaded") got.push("an image of CORS loaded");
  };

  const post = (more) => ({ method: "POST", mode: "no-cors", body, ...more });
  const ways = {
    fetch: fetched("fetch", {}),
    "fetch with cookies": fetched("fetch with cookies", { credentials: "include" }),
    "fetch, no-cors": fetched("fetch, no-cors", { mode: "no-cors" }),
    "fetch, no-cors, with cookies": fetched("fetch, no-cors", { mode: "no-cors", credentials: "include" }),
    "fetch without a referrer": fetched("fetch without a referrer", { referrerPolicy: "no-referrer", mode: "no-cors" }),
    "fetch with a token": fetched("fetch with a token", { headers: token }),
    "fetch that outlives the page": fetched("fetch that outlives the page", { ...post({ keepalive: true }) }),
    "HEAD": fetched("HEAD", { method: "HEAD" }),
    "POST of text": fetched("POST of text", post({ headers: text })),
    "POST of text, without a referrer": fetched("POST of text", post({ headers: text, referrerPolicy: "no-referrer" })),
    "POST of a form's words": fetched("POST of a form's words", post({ headers: urlencoded })),
    "POST of bytes without a type": fetched("POST of bytes", post({ body: new Blob([body]) })),
    "POST of form data": fetched("POST of form data", post({ body: Object.assign(new FormData()) })),
    "POST of JSON": fetched("POST of JSON", { method: "POST", headers: json, body }),
    "POST of JSON with a token": fetched("POST of JSON with a token", { method: "POST", headers: { ...json, ...token }, body }),
    PUT: fetched("PUT", { method: "PUT", headers: json, body }),
    DELETE: fetched("DELETE", { method: "DELETE" }),
    PATCH: fetched("PATCH", { method: "PATCH", headers: json, body }),
    "XMLHttpRequest": asked("GET", {}, false),
    "XMLHttpRequest with cookies": asked("POST", text, true),
    "XMLHttpRequest of JSON": asked("POST", json, false),
    beacon: async (url) => void navigator.sendBeacon(url, body),
    "beacon of a form": async (url) => void navigator.sendBeacon(url, new URLSearchParams({ [body]: "" })),
    "beacon of JSON": async (url) => void navigator.sendBeacon(url, new Blob([body], { type: "application/json" })),
    img: element("img", (src) => ({ src })),
    "img of CORS": drawn,
    script: element("script", (src) => ({ src })),
    module: element("script", (src) => ({ src, type: "module" })),
    import: imported,
    stylesheet: element("link", (href) => ({ rel: "stylesheet", href })),
    prefetch: element("link", (href) => ({ rel: "prefetch", href })),
    preload: element("link", (href) => ({ rel: "preload", as: "fetch", href })),
    modulepreload: element("link", (href) => ({ rel: "modulepreload", href })),
    video: element("video", (src) => ({ src })),
    audio: element("audio", (src) => ({ src })),
    iframe: element("iframe", (src) => ({ src })),
    "iframe in a sandbox": element("iframe", (src) => ({ sandbox: "allow-scripts allow-same-origin", src })),
    object: element("object", (data) => ({ data })),
    embed: element("embed", (src) => ({ src })),
    "form of text": form("post", "text/plain"),
    "form, urlencoded": form("post", "application/x-www-form-urlencoded"),
    "form, multipart": form("post", "multipart/form-data"),
    "form by GET": form("get", ""),
    "a page without an origin": sandboxed({ method: "POST", mode: "no-cors", body }),
    "JSON of a page without an origin": sandboxed({ method: "POST", headers: json, body }),
    WebSocket: socket([], ""),
    "WebSocket with a token": socket(["bearer", "0".repeat(64)], `?token=${"0".repeat(64)}`),
    EventSource: events(false),
    "EventSource with cookies": events(true),
    "window.open and postMessage": opened,
    worker: worked,
    "service worker": served,
  };
  // The service worker's own origin is where the page is: a page of a name that points here by now has no such file, and
  // one of a name elsewhere without TLS none at all.
  if (!own || !navigator.serviceWorker) delete ways["service worker"];
  for (const path of paths) {
    // Some at once: most of their time is waiting for what is not to come. A service worker would come between the others.
    const all = Object.entries(ways);
    const alone = all.filter(([name]) => name === "service worker");
    const others = all.filter(([name]) => name !== "service worker");
    const groups = [...Array.from({ length: Math.ceil(others.length / 6) }, (_, at) => others.slice(6 * at, 6 * at + 6)), alone];
    for (const group of groups) {
      for (const [name] of group) tried[name] = (tried[name] ?? 0) + 1;
      await Promise.all(group.map(([, way]) => soon(way(base + path))));
    }
  }
  // What the browser itself measured of each.
  const sizes = performance.getEntriesByType("resource").filter((entry) => entry.name.startsWith(base));
  for (const entry of base === location.origin ? [] : sizes) {
    if (entry.decodedBodySize || entry.encodedBodySize || entry.responseStatus) {
      got.push(`it knows of ${entry.name} that it has ${entry.decodedBodySize} bytes and the status ${entry.responseStatus}`);
    }
  }
  return { got, tried };
}

/** What a service worker of a page does: asks, and says what it was told. */
const WORKER = `addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => event.respondWith(fetch(event.request)));
addEventListener("message", async ({ data, ports }) => {
  await fetch(data.url, { method: "POST", mode: "no-cors", body: data.body }).catch(() => {});
  const said = await fetch(data.url).then((answer) => answer.text()).then((text) => "read " + text.slice(0, 60), () => "");
  ports[0].postMessage(said);
});`;

/** One service, to be left alone. */
const SHOP = `[cluster]
name = "shop"
[cluster.defaults]
health = { http = "/health", every = "1s", timeout = "5s" }
[service.db]
run = "organ --name db --port $PORT"
port = 0
`;

await Story.tell("pages of others in Chromium", 1_500_000, async (story) => {
  const home = new Home();
  story.afterwards(() => home.close());
  const [control, victim, evil] = await Promise.all([recorder(), recorder(), recorder((request, response) => {
    const worker = request.url === "/__worker.js";
    response.setHeader("Content-Type", worker ? "text/javascript" : "text/html").end(worker ? WORKER : "<!doctype html><body>");
  })]);
  for (const server of [control, victim, evil]) story.afterwards(server.close);

  let ours;
  const folder = path.join(home.path, "src", "shop");
  await story.step("an engine starts, a service runs, and another registers itself", async () => {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, "azora.toml"), SHOP);
    // Consul's usual port may be somebody's.
    const consul = await freePort();
    fs.writeFileSync(path.join(home.path, "settings.toml"), `[registry]\nconsul = ${consul}\n`);
    await home.serve("cross-site-engine");
    const leader = () => fetch(`http://127.0.0.1:${consul}/v1/status/leader`).then((answer) => answer.status === 200);
    await until("Consul's clients to be served", leader);
    const { engine } = home.json("status");
    const body = JSON.stringify({ name: "victim", url: `http://127.0.0.1:${victim.port}`, ttl: 3600 });
    const answer = await fetch(`${engine.registry}/register`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
    const gateway = Number(new URL(engine.gateway).port);
    ours = [
      { name: "registry", port: Number(new URL(engine.registry).port), paths: ["/register", "/services", "/services/victim", "/watch"] },
      { name: "api", port: Number(new URL(home.lock().api).port), paths: ["/", "/api/call/ps", "/api/call/emergency_stop", "/api/socket"] },
      { name: "gateway", port: gateway, paths: ["/victim/x", "/"], hosts: [`127.0.0.1:${gateway}`, `victim.localhost:${gateway}`] },
    ];
    const paths = ["/v1/agent/service/register", "/v1/catalog/services", "/v1/agent/service/deregister/victim", "/v1/kv/evil", "/v1/kv/ours?raw"];
    ours.push({ name: "consul", port: consul, paths });
    const kept = await fetch(`http://127.0.0.1:${consul}/v1/kv/ours`, { method: "PUT", body: "ours" });
    if (kept.status !== 200) throw new Error(`a key: ${kept.status}`);
    home.azora("-C", folder, "up", "--detach", "--trust");
    await until("it to run", () => home.instance(folder, "db").state === "ready");
    const reached = () => fetch(`http://127.0.0.1:${gateway}/victim/ours`).then((answer) => answer.status === 200);
    await until("the gateway to know the service", reached);
    return ours.map(({ name }) => name).join(", ");
  });

  const browser = await open([
    `--host-resolver-rules=${STRANGERS.map((name) => `MAP ${name} 127.0.0.1`).join(", ")}`,
    // Newer ones ask a person before a page reaches this machine; others do not, and nothing of ours relies on it.
    "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
  ]);
  story.afterwards(() => browser.close());

  /** All that pages may not change: what is listed, keys, the book and the ledger, and what runs. */
  const state = async () => {
    const answer = await fetch(`http://127.0.0.1:${ours[0].port}/services`);
    const listed = (await answer.json()).map(({ name, id, url }) => `${name}/${id} at ${url}`);
    const keys = await fetch(`http://127.0.0.1:${ours.at(-1).port}/v1/kv/?recurse`);
    const { instances } = home.ps(folder);
    return {
      listed: listed.sort().join(" "),
      keys: await keys.text(),
      acts: JSON.stringify(home.json("acts")),
      running: instances.map(({ instance, pid, generation }) => `${instance} ${pid} ${generation}`).join(" "),
      engine: home.json("status").engine.pid,
      definition: fs.readFileSync(path.join(folder, "azora.toml"), "utf8"),
    };
  };

  let marks = 0;
  let cases = 0;
  const all = {};
  /** Attacks from a page of this address; what it got. With `rebinds`, the page is what the browser had of the name before. */
  const from = async (page, targets, { rebinds = false, counts = true } = {}) => {
    const context = await browser.newContext();
    const tab = await context.newPage();
    if (rebinds) await context.route(`${page}/__page`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><body>" }));
    await tab.goto(rebinds ? `${page}/__page` : page);
    const got = [];
    for (const { base, paths } of targets) {
      const mark = (marks += 1);
      const done = await tab.evaluate(attack, { base, paths, mark, silence: SILENCE, own: !rebinds });
      got.push(...done.got.map((what) => `${base}: ${what}`));
      if (counts) for (const [way, times] of Object.entries(done.tried)) (cases += times), (all[way] = (all[way] ?? 0) + times);
    }
    await context.close();
    return got;
  };

  const held = async (got, before) => {
    if (got.length > 0) throw new Error(got.join("\n"));
    const after = await state();
    for (const [what, was] of Object.entries(before)) {
      if (after[what] !== was) throw new Error(`${what}: ${after[what]}; before, ${was}`);
    }
  };

  await story.step("a server without a defence sees every way of asking", async () => {
    const got = await from(`http://evil.test:${evil.port}`, [{ base: `http://127.0.0.1:${control.port}`, paths: ["/x"] }], { counts: false });
    const count = (what) => control.asked.filter((asked) => asked.startsWith(what)).length;
    const seen = { GET: count("GET"), POST: count("POST"), PUT: count("PUT"), DELETE: count("DELETE"), UPGRADE: count("UPGRADE") };
    if (seen.GET < 25 || seen.POST < 15 || !seen.PUT || !seen.DELETE || seen.UPGRADE < 2) throw new Error(JSON.stringify(seen));
    if (!got.some((what) => what.includes("fetch read 200 secret"))) throw new Error(`nothing was read: ${got.join("\n")}`);
    return JSON.stringify(seen);
  });

  // By its second name a listener is the same one: its first path is enough there.
  const bases = ({ port, paths, hosts }) =>
    (hosts ?? [`127.0.0.1:${port}`, `localhost:${port}`]).map((host, at) => ({ base: `http://${host}`, paths: at === 0 ? paths : paths.slice(0, 1) }));
  for (const [who, origin] of [
    ["another site", `http://evil.test:${evil.port}`],
    ["another port of this machine", `http://127.0.0.1:${evil.port}`],
    ["a name below localhost", `http://evil.localhost:${evil.port}`],
  ]) {
    await story.step(`a page of ${who} gets nothing and changes nothing`, async () => {
      const before = await state();
      victim.asked.length = 0;
      // What this machine serves may ask services by their names; that is what the gateway is for.
      const targets = ours.filter(({ name }) => name !== "gateway" || origin.includes("evil.test")).flatMap(bases);
      await held(await from(origin, targets), before);
      if (victim.asked.length > 0) throw new Error(`the service was reached: ${victim.asked.join(", ")}`);
      return `${targets.length} addresses`;
    });
  }

  for (const { name, port, paths } of ours) {
    await story.step(`a name that points here by now (DNS rebinding) reaches nothing of ${name}`, async () => {
      const before = await state();
      victim.asked.length = 0;
      const origin = `http://rebound.test:${port}`;
      const got = await from(origin, [{ base: origin, paths }], { rebinds: true });
      // It is the same origin, so a refusal can be read: nothing else may be.
      const more = got.filter((what) => !REFUSALS.test(what));
      await held(more, before);
      if (victim.asked.length > 0) throw new Error(`the service was reached: ${victim.asked.join(", ")}`);
      return `${got.length} refusals`;
    });
  }

  await story.step("a link to a service is followed, and what is ours is still ours", async () => {
    const context = await browser.newContext();
    const tab = await context.newPage();
    await tab.goto(`http://evil.test:${evil.port}`);
    const { port } = ours[2];
    await tab.evaluate((url) => location.assign(url), `http://victim.localhost:${port}/linked`);
    await until("the service to be asked", () => victim.links.includes("GET /linked"));
    await context.close();
    if (!(await state()).listed.includes("victim/")) throw new Error("the service is not listed any more");
  });

  await story.step("there were enough of them", () => {
    if (cases < 500) throw new Error(`${cases} cases`);
    return `${cases} cases, 0 successes, ${Object.keys(all).length} ways: ${Object.entries(all).map(([way, times]) => `${way} ${times}`).join(", ")}`;
  });
});
