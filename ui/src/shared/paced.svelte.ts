// A value that is made at most so often, however often what it is made of changes.

import { untrack } from "svelte";

/**
 * `make` runs when `changed` read something that has changed since, at most every `everyMs`; and at once when `key` has.
 * The last change is never lost. Call it while a component is being made.
 */
export function paced<T>(everyMs: number, key: () => unknown, changed: () => void, make: () => T): { readonly current: T } {
  let turn = $state(0);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = 0;
  $effect(() => {
    changed();
    timer ??= setTimeout(() => {
      timer = undefined;
      last = performance.now();
      turn += 1;
    }, Math.max(0, last + everyMs - performance.now()));
  });
  $effect(() => () => clearTimeout(timer));
  const value = $derived.by(() => {
    void [turn, key()];
    return untrack(make);
  });
  return {
    get current() {
      return value;
    },
  };
}
