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
/** How long a page waits for what it is not told. */
const SILENCE = 1_500;

/** A server that writes down who asks, and lets everybody read. */
function recorder(answer = (request, response) => response.end("secret")) {
  const asked = [];
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
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
    server.listen(0, "127.0.0.1", () => listens({ port: server.address().port, asked, close: () => server.closeAllConnections() ?? server.close() }));
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

/** What a page tries on one address. Runs in the page; says what it could read, or that it was let in. */
async function attack({ base, paths, mark, silence }) {
  const got = [];
  const soon = (promise) => Promise.race([promise.catch(() => {}), new Promise((done) => setTimeout(done, silence))]);
  const read = async (what, request) => {
    const answer = await request;
    const text = await answer.text();
    if (answer.type !== "opaque" || text !== "") got.push(`${what} read ${answer.status} ${text.slice(0, 60)}`);
  };
  const body = JSON.stringify({ name: `evil-${mark}`, url: "http://127.0.0.1:9", ttl: 60, ID: `evil-${mark}`, Name: `evil-${mark}`, Port: 9 });
  const element = (tag, attributes) =>
    new Promise((done) => {
      const made = document.createElement(tag);
      made.onload = () => done("loaded");
      made.onerror = () => done("failed");
      Object.assign(made, attributes);
      document.body.append(made);
    });
  for (const path of paths) {
    const url = base + path;
    const text = { "Content-Type": "text/plain" };
    const json = { "Content-Type": "application/json" };
    await soon(read("fetch", fetch(url)));
    await soon(read("fetch with cookies", fetch(url, { credentials: "include" })));
    await soon(read("fetch, no-cors", fetch(url, { mode: "no-cors" })));
    await soon(fetch(url, { method: "POST", mode: "no-cors", headers: text, body }));
    await soon(fetch(url, { method: "POST", mode: "no-cors", body: new Blob([body]) }));
    await soon(read("POST of JSON", fetch(url, { method: "POST", headers: json, body })));
    await soon(read("PUT", fetch(url, { method: "PUT", headers: json, body })));
    await soon(read("DELETE", fetch(url, { method: "DELETE" })));
    navigator.sendBeacon(url, body);
    const image = await soon(element("img", { src: url }));
    if (image === "loaded") got.push("img loaded");
    await soon(element("script", { src: url }));
    await soon(element("link", { rel: "stylesheet", href: url }));
    await soon(element("iframe", { src: url }));
    for (const [method, enctype] of [["post", "text/plain"], ["post", "application/x-www-form-urlencoded"], ["get", ""]]) {
      const frame = document.createElement("iframe");
      frame.name = `form-${Math.random()}`;
      document.body.append(frame);
      const form = document.createElement("form");
      Object.assign(form, { action: url, method, enctype, target: frame.name });
      const field = document.createElement("input");
      Object.assign(field, { name: body.slice(0, -1) + ',"x":"', value: '"}' });
      form.append(field);
      document.body.append(form);
      form.submit();
    }
    // A page without an origin of its own.
    const sandboxed = document.createElement("iframe");
    sandboxed.sandbox = "allow-scripts";
    sandboxed.srcdoc = `<script>fetch(${JSON.stringify(url)}, { method: "POST", mode: "no-cors", body: ${JSON.stringify(body)} })</` + `script>`;
    document.body.append(sandboxed);
    await soon(
      new Promise((done) => {
        const socket = new WebSocket(url.replace("http", "ws"));
        socket.onopen = () => done(got.push("WebSocket opened"));
        socket.onerror = done;
      }),
    );
    await soon(
      new Promise((done) => {
        const events = new EventSource(url);
        events.onopen = () => done(got.push("EventSource opened"));
        events.onmessage = () => done(got.push("EventSource read"));
        events.onerror = () => done(events.close());
      }),
    );
  }
  return got;
}

await Story.tell("pages of others in Chromium", 600_000, async (story) => {
  const home = new Home();
  story.afterwards(() => home.close());
  const [control, victim, evil] = await Promise.all([recorder(), recorder(), recorder((_, response) => response.setHeader("Content-Type", "text/html").end("<!doctype html><body>"))]);
  for (const server of [control, victim, evil]) story.afterwards(server.close);

  let ours;
  await story.step("an engine starts, and a service registers itself", async () => {
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
      { name: "api", port: Number(new URL(home.lock().api).port), paths: ["/", "/api/snapshot", "/api/emergency_stop"] },
      { name: "gateway", port: gateway, paths: ["/victim/x", "/"], hosts: [`victim.localhost:${gateway}`, `127.0.0.1:${gateway}`] },
    ];
    const paths = ["/v1/agent/service/register", "/v1/catalog/services", "/v1/agent/service/deregister/victim", "/v1/kv/evil"];
    ours.push({ name: "consul", port: consul, paths });
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

  /** All that pages may not change: what is listed, and a key that they try to write. */
  const services = async () => {
    const answer = await fetch(`http://127.0.0.1:${ours[0].port}/services`);
    const listed = (await answer.json()).map(({ name, id }) => `${name}/${id}`);
    const key = await fetch(`http://127.0.0.1:${ours.at(-1).port}/v1/kv/evil`);
    return `${listed.join(" ")}, and a key answers ${key.status}`;
  };

  let marks = 0;
  /** Attacks from a page of this address; what it got. With `rebinds`, the page is what the browser had of the name before. */
  const from = async (page, targets, rebinds = false) => {
    const context = await browser.newContext();
    const tab = await context.newPage();
    if (rebinds) await context.route(`${page}/__page`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><body>" }));
    await tab.goto(rebinds ? `${page}/__page` : page);
    const got = [];
    for (const { base, paths } of targets) {
      const mark = (marks += 1);
      const read = await tab.evaluate(attack, { base, paths, mark, silence: SILENCE });
      got.push(...read.map((what) => `${base}: ${what}`));
    }
    await context.close();
    return got;
  };

  const held = async (got, before) => {
    if (got.length > 0) throw new Error(got.join("\n"));
    const after = await services();
    if (after !== before) throw new Error(`listed are ${after}; before, ${before}`);
  };

  await story.step("a server without a defence sees every way of asking", async () => {
    const got = await from(`http://evil.test:${evil.port}`, [{ base: `http://127.0.0.1:${control.port}`, paths: ["/x"] }]);
    const count = (what) => control.asked.filter((asked) => asked.startsWith(what)).length;
    const seen = { GET: count("GET"), POST: count("POST"), PUT: count("PUT"), DELETE: count("DELETE"), UPGRADE: count("UPGRADE") };
    if (seen.GET < 8 || seen.POST < 6 || !seen.PUT || !seen.DELETE || !seen.UPGRADE) throw new Error(JSON.stringify(seen));
    if (!got.some((what) => what.includes("fetch read 200 secret"))) throw new Error(`nothing was read: ${got.join("\n")}`);
    return JSON.stringify(seen);
  });

  const bases = ({ port, paths, hosts }) => (hosts ?? [`127.0.0.1:${port}`, `localhost:${port}`]).map((host) => ({ base: `http://${host}`, paths }));
  for (const [who, origin] of [
    ["another site", `http://evil.test:${evil.port}`],
    ["another port of this machine", `http://127.0.0.1:${evil.port}`],
    ["a name below localhost", `http://evil.localhost:${evil.port}`],
  ]) {
    await story.step(`a page of ${who} gets nothing and changes nothing`, async () => {
      const before = await services();
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
      const before = await services();
      victim.asked.length = 0;
      const origin = `http://rebound.test:${port}`;
      const got = await from(origin, [{ base: origin, paths }], true);
      // It is the same origin, so a refusal can be read: nothing else may be.
      const more = got.filter((what) => !/read (403|421|400|401|404) /.test(what));
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
    await until("the service to be asked", () => victim.asked.includes("GET /linked"));
    await context.close();
    if (!(await services()).includes("victim/")) throw new Error("the service is not listed any more");
  });
});
