// One slow clock for all relative times. It only ticks while something shows one.

import { createSubscriber } from "svelte/reactivity";

const TICK_MS = 1_000;

const everySecond = createSubscriber((update) => {
  const id = setInterval(update, TICK_MS);
  return () => clearInterval(id);
});

/** The time now; inside an effect or a template it is read again each second. */
export function now(): number {
  everySecond();
  return Date.now();
}
