// Files that a person takes along from the real window: a saved log in their own editor, the graph and an
// incident in their downloads. Run it with tests/e2e/display.

import fs from "node:fs";
import path from "node:path";
import { Home } from "./lib/azora.mjs";
import { endAll, signal } from "./lib/processes.mjs";
import { Story } from "./lib/story.mjs";
import { until } from "./lib/wait.mjs";
import { openWindow, screen } from "./lib/window.mjs";

const DEFINITION = `[cluster]
name = "shop"
[service.db]
run = "sh -c 'echo first line; exec organ --name db --port \${self.port}'"
health = { http = "/health", every = "200ms" }
[service.api]
run = "organ --name api --port \${self.port}"
needs = ["db"]
health = { http = "/health", every = "200ms" }
`;

/** What a desktop knows of this person: where downloads go, and which programs there are. */
class Desktop {
  constructor(folder) {
    this.downloads = path.join(folder, "My downloads");
    this.opened = path.join(folder, "opened");
    this.program = path.join(folder, "editor");
    const config = process.env.XDG_CONFIG_HOME;
    fs.writeFileSync(path.join(config, "user-dirs.dirs"), `XDG_DOWNLOAD_DIR="${this.downloads}"\n`);
    this.defaults = path.join(config, "mimeapps.list");
    this.entry = path.join(process.env.XDG_DATA_HOME, "applications", "test-editor.desktop");
  }

  /** An editor that writes down what it is given, and is what opens text. */
  install() {
    fs.writeFileSync(this.program, `#!/bin/sh\nprintf '%s\\n' "$@" >> '${this.opened}'\n`, { mode: 0o755 });
    fs.mkdirSync(path.dirname(this.entry), { recursive: true });
    fs.writeFileSync(this.entry, `[Desktop Entry]\nType=Application\nName=Test editor\nExec=${this.program} %f\nMimeType=text/plain;text/x-log;\n`);
    fs.writeFileSync(this.defaults, "[Default Applications]\ntext/plain=test-editor.desktop\ntext/x-log=test-editor.desktop\n");
  }

  remove() {
    for (const file of [this.entry, this.defaults]) fs.rmSync(file);
  }

  /** What the editor was given so far. */
  read() {
    return fs.existsSync(this.opened) ? fs.readFileSync(this.opened, "utf8").trim().split("\n") : [];
  }
}

await Story.tell("files from the window", 600_000, async (story) => {
  const home = new Home();
  story.afterwards(() => home.close());
  story.afterwards(endAll);
  story.onFailure(() => screen("files-failed"));
  const folder = path.join(home.path, "src", "shop");
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, "azora.toml"), DEFINITION);
  const desktop = new Desktop(home.path);

  let ui;
  story.afterwards(() => ui?.close().catch(() => {}));
  const lead = (to) => ui.run("history.pushState(null, '', arguments[0]); dispatchEvent(new PopStateEvent('popstate'))", to);

  let cluster;
  await story.step("the window opens on a folder", async () => {
    ui = await openWindow(home, ["--trust", folder]);
    await until("every service to be ready", () => {
      const { instances } = home.ps(folder);
      return instances.length === 2 && instances.every((one) => one.state === "ready");
    });
    cluster = home.json("status").clusters[0].id;
  });

  await story.step("without a program for it, the window says that a saved log was not opened", async () => {
    await lead(`/service?cluster=${cluster}&service=db&tab=logs`);
    await ui.click("log-save");
    await ui.click("log-save-open");
    await ui.text("log-saved");
    const said = await ui.text("problem", (text) => /failed to open the file/i.test(text));
    screen("files-no-editor");
    return said;
  });

  await story.step("with an editor, it is opened there", async () => {
    desktop.install();
    await ui.click("log-open-copy");
    const [file, ...more] = await until("the editor to be given a file", () => {
      const files = desktop.read();
      return files.length > 0 && files;
    });
    if (more.length > 0 || !file.startsWith(path.join(home.path, "exports"))) throw new Error(`it was given ${[file, ...more]}`);
    if (!fs.readFileSync(file, "utf8").includes("first line")) throw new Error(`${file} does not hold the log`);
    await until("the window to have no complaint any more", async () => (await ui.count("problem")) === 0);
    await ui.key("Escape");
    desktop.remove();
    return file;
  });

  /** The file that a notice speaks of; it is there, whole, where downloads go. */
  async function kept(ending) {
    const file = await ui.text("saved-path", (text) => text.endsWith(ending));
    if (path.dirname(file) !== desktop.downloads) throw new Error(`${file} is not in ${desktop.downloads}`);
    return [file, fs.readFileSync(file)];
  }

  await story.step("the graph is saved as SVG, PNG and Mermaid, and the window says where", async () => {
    await lead(`/topology?cluster=${cluster}`);
    const files = {};
    for (const format of ["svg", "png", "mmd"]) {
      await ui.click("topology-export");
      await ui.click(`topology-export-${format}`);
      files[format] = await kept(`.${format}`);
    }
    screen("files-saved");
    const svg = files.svg[1].toString();
    if (!svg.startsWith("<svg") || !svg.trimEnd().endsWith("</svg>") || !svg.includes("db")) throw new Error(`no drawing: ${svg.slice(0, 200)}`);
    const png = files.png[1];
    if (png.subarray(1, 4).toString() !== "PNG" || png.subarray(-8, -4).toString() !== "IEND") throw new Error("no whole image");
    if (!/-->/.test(files.mmd[1].toString())) throw new Error("no Mermaid");
    // Once more, beside the first.
    await ui.click("topology-export");
    await ui.click("topology-export-mmd");
    await kept(" (2).mmd");
    await ui.click("saved-dismiss");
    await until("the notice to be gone", async () => (await ui.count("saved")) === 0);
    return files.png[0];
  });

  await story.step("an incident is saved, too", async () => {
    signal(home.instance(folder, "db").pid, "SIGKILL");
    await until("an incident", () => home.json("incidents").incidents?.length ?? home.json("incidents").length);
    await lead(`/incidents?cluster=${cluster}`);
    await ui.text("incident-detail");
    await ui.click("export-md");
    const [, text] = await kept("incidents.md");
    if (!text.toString().includes("db")) throw new Error(`it says ${text}`);
  });

  await story.step("what cannot be written is said where it was asked for", async () => {
    fs.rmSync(desktop.downloads, { recursive: true });
    fs.writeFileSync(desktop.downloads, "no folder");
    await ui.click("export-json");
    await until("the window to say why", () => ui.run("return [...document.querySelectorAll('[role=alert]')].some((one) => /failed to save the file: .*My downloads/i.test(one.textContent))"));
    screen("files-not-saved");
  });
});
