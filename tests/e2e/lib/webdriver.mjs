// The W3C WebDriver protocol, as far as the stories need it, over fetch.

import net from "node:net";
import { until } from "./wait.mjs";

/** The protocol's name for "this is an element". */
const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";

/** The protocol's names of keys without a letter. */
const KEYS = { Escape: "\ue00c", Enter: "\ue007", Tab: "\ue004", ArrowDown: "\ue015", ArrowUp: "\ue013" };

/** A port that was free a moment ago. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export class Session {
  #base;

  constructor(base) {
    this.#base = base;
  }

  /** Opens a session: the driver starts the application. */
  static async open(port, capabilities) {
    const server = `http://127.0.0.1:${port}`;
    await until("the driver to listen", async () => (await fetch(`${server}/status`)).ok, 20_000);
    const opened = await ask("POST", `${server}/session`, {
      capabilities: { alwaysMatch: capabilities },
    });
    return new Session(`${server}/session/${opened.sessionId}`);
  }

  close() {
    return ask("DELETE", this.#base);
  }

  /** Runs a function's body in the page. */
  run(script, ...args) {
    return ask("POST", `${this.#base}/execute/sync`, { script, args });
  }

  /** The same of one that answers later: its last argument takes the answer. */
  runLater(script, ...args) {
    return ask("POST", `${this.#base}/execute/async`, { script, args });
  }

  /** Goes into a frame of the page, by its place among them; back to the page with `null`. */
  frame(id) {
    return ask("POST", `${this.#base}/frame`, { id });
  }

  url() {
    return ask("GET", `${this.#base}/url`);
  }

  async #find(css) {
    const found = await ask("POST", `${this.#base}/element`, { using: "css selector", value: css });
    return found[ELEMENT];
  }

  /** The visible text of what a test id names; waits until it is there and `accept` likes it. */
  text(testid, accept = () => true, limit = 30_000) {
    return until(
      `[${testid}] to be there and right`,
      async () => {
        const id = await this.#find(`[data-testid="${testid}"]`);
        const text = await ask("GET", `${this.#base}/element/${id}/text`);
        if (!accept(text)) throw new Error(`[${testid}] says "${text}"`);
        return text;
      },
      limit,
    );
  }

  /** How many there are now. */
  count(testid) {
    return this.run("return document.querySelectorAll(`[data-testid='${arguments[0]}']`).length", testid);
  }

  async click(testid) {
    const id = await until(`[${testid}]`, () => this.#find(`[data-testid="${testid}"]`));
    await ask("POST", `${this.#base}/element/${id}/click`, {});
  }

  /** Writes into a field in the place of what is there. */
  async fill(testid, value) {
    const id = await until(`[${testid}]`, () => this.#find(`[data-testid="${testid}"]`));
    await ask("POST", `${this.#base}/element/${id}/clear`, {});
    await ask("POST", `${this.#base}/element/${id}/value`, { text: value });
  }

  /** Presses and lets go of a key, by its name in the page ("Escape") or its letter. */
  key(name) {
    const value = KEYS[name] ?? name;
    const actions = [{ type: "keyDown", value }, { type: "keyUp", value }];
    return ask("POST", `${this.#base}/actions`, { actions: [{ type: "key", id: "keyboard", actions }] });
  }

  /** Presses at a point of the page and lets go after `held` milliseconds. */
  press(x, y, held = 30) {
    return ask("POST", `${this.#base}/actions`, {
      actions: [
        {
          type: "pointer",
          id: "mouse",
          parameters: { pointerType: "mouse" },
          actions: [
            { type: "pointerMove", duration: 0, x: Math.round(x), y: Math.round(y), origin: "viewport" },
            { type: "pointerDown", button: 0 },
            { type: "pause", duration: held },
            { type: "pointerUp", button: 0 },
          ],
        },
      ],
    });
  }

  /** Presses the middle of an element and holds. */
  async pressOn(testid, held) {
    const middle = await until(`[${testid}] to be on the page`, () =>
      this.run(
        `const e = document.querySelector("[data-testid='" + arguments[0] + "']");
         if (!e) return null;
         e.scrollIntoView({ block: "center" });
         const r = e.getBoundingClientRect();
         return r.width > 0 ? [r.x + r.width / 2, r.y + r.height / 2] : null`,
        testid,
      ),
    );
    await this.press(middle[0], middle[1], held);
  }

  /** The page as a PNG. */
  async screenshot() {
    return Buffer.from(await ask("GET", `${this.#base}/screenshot`), "base64");
  }
}

async function ask(method, url, body) {
  const answer = await fetch(url, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
  const { value } = await answer.json();
  if (!answer.ok) throw new Error(`${value?.error ?? answer.status}: ${value?.message ?? ""}`);
  return value;
}
