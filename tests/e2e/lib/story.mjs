// A story: steps in order, each a check with a name and a time. The first that fails ends it; what
// was promised to be cleaned up is cleaned up either way. Ends with "N passed, N failed".

import { endAll } from "./processes.mjs";

export class Story {
  #afterwards = [];
  #onFailure = [];
  passed = 0;
  failed = 0;

  /** Cleans up later, last promised first. */
  afterwards(promise) {
    this.#afterwards.push(promise);
  }

  /** Runs when a step fails, before anything is cleaned up: pictures, logs. */
  onFailure(look) {
    this.#onFailure.push(look);
  }

  /** One step; what it returns in words is shown beside its time. */
  async step(name, check) {
    const began = performance.now();
    const took = () => `${Math.round(performance.now() - began)} ms`;
    try {
      const note = await check();
      this.passed += 1;
      console.log(`  ok    ${name} (${took()}${typeof note === "string" ? `; ${note.replace(/\s+/g, " ")}` : ""})`);
    } catch (error) {
      this.failed += 1;
      console.log(`  FAIL  ${name} (${took()})\n${indent(error?.stack ?? String(error))}`);
      throw new Over();
    }
  }

  async #finish(isFailure) {
    for (const look of isFailure ? this.#onFailure : []) {
      try {
        await look();
      } catch (error) {
        console.log(indent(`could not look closer: ${error.message}`));
      }
    }
    for (const promise of this.#afterwards.reverse()) {
      try {
        await promise();
      } catch (error) {
        this.failed += 1;
        console.log(`  FAIL  cleaning up\n${indent(error.stack)}`);
      }
    }
    await endAll();
  }

  /** Tells it, cleans up, prints the line that is counted, and ends the process. */
  static async tell(title, limit, tale) {
    console.log(title);
    const story = new Story();
    let interrupted;
    const over = new Promise((_, stop) => {
      interrupted = stop;
    });
    const timer = setTimeout(() => interrupted(new Error(`the story took over ${limit / 1000} s`)), limit);
    for (const name of ["SIGINT", "SIGTERM"]) process.once(name, () => interrupted(new Error(name)));
    let isFailure = false;
    try {
      await Promise.race([tale(story), over]);
    } catch (error) {
      isFailure = true;
      if (!(error instanceof Over)) {
        story.failed += 1;
        console.log(`  FAIL  ${error.stack}`);
      }
    }
    clearTimeout(timer);
    await story.#finish(isFailure);
    console.log(`${story.passed} passed, ${story.failed} failed`);
    process.exit(story.failed > 0 ? 1 : 0);
  }
}

class Over extends Error {}

const indent = (text) => text.replace(/^/gm, "        ");
