// The frame of a measurement in the window: what was measured is printed, also when it broke off, and nothing that
// was started is left.

import { machine } from "./measure.mjs";
import { endAll } from "./processes.mjs";

/** Lines for people. */
export const say = (text) => console.error(text);

/** A number from the command line: `--minutes 60`. */
export function option(name, usual) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? usual : Number(process.argv[at + 1]);
}

/** Measures into `results`; `tell` says them to a person, JSON goes to standard output. Ends the process. */
export async function bench(home, results, measure, tell) {
  let failed = null;
  try {
    results.machine = machine();
    await measure();
  } catch (error) {
    failed = error;
  } finally {
    results.machine.load_after = machine().load;
    // The drivers name the home in their environment.
    await endAll();
    await home.close().catch((error) => (failed ??= error));
  }
  tell();
  console.log(JSON.stringify(results, null, 2));
  if (failed) say(failed.stack);
  process.exit(failed ? 1 : 0);
}
