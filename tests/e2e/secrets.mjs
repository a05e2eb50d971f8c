// Planted secrets in Chromium: every place of the window and every tab of a service is opened on a cluster that has
// them in its environment, arguments, logs, reasons, incidents and definition, and neither what a person reads there
// nor what the page is made of has one of them. What is looked at has to have its mask, too: a page that shows
// nothing would pass otherwise.

import fs from "node:fs";
import path from "node:path";
import { Home, OUT } from "./lib/azora.mjs";
import { open, Page } from "./lib/browser.mjs";
import { endAll } from "./lib/processes.mjs";
import { Story } from "./lib/story.mjs";
import { until } from "./lib/wait.mjs";

const random = (seed, length, letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") => {
  let state = seed;
  const next = () => (state = (state * 48_271) % 2_147_483_647);
  return Array.from({ length }, () => letters[next() % letters.length]).join("");
};
const PLANTED = {
  file: random(11, 24),
  env: random(12, 24),
  url: random(13, 24),
  github: `ghp_${random(14, 36)}`,
  flag: random(15, 24),
  json: random(16, 24),
  bearer: random(17, 24),
  jwt: `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.${random(18, 40)}`,
  long: random(19, 40),
  incident: random(20, 24),
  reason: random(21, 24),
  meta: random(22, 24),
  tag: `glpat-${random(23, 20)}`,
};
const PLACES = [
  "clusters", "topology", "topology?service=talker", "services", "service?service=talker", "service?service=talker&tab=logs",
  "service?service=talker&tab=environment", "service?service=talker&tab=definition", "service?service=talker&tab=history",
  "service?service=failing", "service?service=failing&tab=logs", "logs", "incidents", "definition", "registry", "registry?show=registered",
  "gateway", "gateway?show=requests", "governance", "governance?show=decisions", "governance?show=approvals", "governance?show=rules",
  "governance?show=ledger", "activity", "settings",
];
/** Where something was planted that has to be seen to be hidden. */
const MASKED = ["service?service=talker&tab=logs", "service?service=talker&tab=environment", "definition", "logs"];

const DEFINITION = `
[cluster]
name = "planted"

[service.talker]
run = ["sh", "talk.sh", "--password", "${PLANTED.flag}"]
env = { DB_PASSWORD = "${PLANTED.env}", DATABASE_URL = "postgres://me:${PLANTED.url}@db/x", GH = "${PLANTED.github}" }
secrets = { S = { file = "secret" } }

[service.failing]
run = "sh -c 'echo ERROR: gone with $S; exit 3'"
heal = { budget = "1 per 1h" }
secrets = { S = { file = "incident" } }
`;
const TALK = `echo "said $S"; cat lines; exec sleep 600\n`;
const LINES = [
  JSON.stringify({ level: "info", token: PLANTED.json }), `> Authorization: Bearer ${PLANTED.bearer}`, `cookie ${PLANTED.jwt};`,
  `said ${PLANTED.long} and no more`, `ERROR: at amqp://me:${PLANTED.url}@queue/x`, "said nothing",
].join("\n");

await Story.tell("planted secrets in Chromium", 300_000, async (story) => {
  const home = new Home();
  story.afterwards(() => home.close());
  story.afterwards(endAll);
  const folder = path.join(home.path, "src");
  fs.mkdirSync(folder);
  for (const [name, text] of [["azora.toml", DEFINITION], ["secret", PLANTED.file], ["incident", PLANTED.incident], ["talk.sh", TALK], ["lines", `${LINES}\n`]]) {
    fs.writeFileSync(path.join(folder, name), text);
  }
  let cluster;
  await story.step("a cluster with secrets everywhere comes up", async () => {
    await home.serve("secrets-engine");
    try {
      home.azora("up", folder, "--trust", "--detach");
    } catch {
      // One of its services fails, as it should.
    }
    cluster = home.ps(folder).cluster;
    await until("one to be given up", () => home.instance(folder, "failing").state === "quarantined");
    home.azora("-C", folder, "hold", "talker", "--reason", `because token=${PLANTED.reason}`);
    const registry = home.json("status").engine.registry;
    const body = { name: "outsider", url: "http://127.0.0.1:9", ttl: 3600, tags: [PLANTED.tag], meta: { db_password: PLANTED.meta } };
    const answer = await fetch(`${registry}/register`, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
    if (!answer.ok) throw new Error(await answer.text());
  });
  const browser = await open();
  story.afterwards(() => browser.close());
  const ui = await Page.open(browser, home.address());
  await ui.text("overall");
  story.onFailure(async () => fs.writeFileSync(path.join(OUT, "secrets-failed.png"), await ui.screenshot()));

  await story.step(`none of ${Object.keys(PLANTED).length} is in any of ${PLACES.length} places`, async () => {
    const origin = new URL(await ui.url()).origin;
    const seen = [];
    for (const place of PLACES) {
      await ui.page.goto(`${origin}/${place}${place.includes("?") ? "&" : "?"}cluster=${cluster}`);
      await ui.text("overall");
      // What is typed in is no part of the page's HTML, and the editor has a shadow of its own.
      const typed = () =>
        ui.run(`
          const walk = (root) => [...root.querySelectorAll("*")].map((one) => (one.value ?? "") + " " + (one.shadowRoot ? one.shadowRoot.textContent + walk(one.shadowRoot) : "")).join(" ");
          return walk(document);`);
      if (MASKED.includes(place)) await until(`a mask in ${place}`, async () => ((await ui.page.locator("body").innerText()) + (await typed())).includes("•••"));
      else await ui.page.waitForLoadState("networkidle", { timeout: 2_000 }).catch(() => {});
      const html = await ui.page.content();
      const text = await ui.page.locator("body").innerText();
      const values = await typed();
      for (const [name, value] of Object.entries(PLANTED)) {
        const parts = Array.from({ length: value.length - 11 }, (_, at) => value.slice(at, at + 12));
        if (parts.some((part) => html.includes(part) || text.includes(part) || values.includes(part))) seen.push(`${name} in ${place}`);
      }
    }
    if (seen.length > 0) throw new Error(`seen: ${seen.join(", ")}`);
  });
  await story.step("an edit of the definition leaves its secrets as they are", async () => {
    const before = fs.readFileSync(path.join(folder, "azora.toml"), "utf8");
    const origin = new URL(await ui.url()).origin;
    const ask = async (name, request) => {
      const token = fs.readFileSync(path.join(home.path, "token"), "utf8").trim();
      const answer = await fetch(`${origin}/api/call/${name}`, {
        method: "POST", body: JSON.stringify(request), headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      });
      if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
      return answer.json();
    };
    const { text, mark } = await ask("definition", { cluster });
    if (!text.includes("•••1•••")) throw new Error("it is shown without masks");
    await ask("apply_definition", { cluster, text: `${text}\n# edited\n`, mark });
    const after = fs.readFileSync(path.join(folder, "azora.toml"), "utf8");
    if (after !== `${before}\n# edited\n`) throw new Error("the definition is not what it was");
  });
});
