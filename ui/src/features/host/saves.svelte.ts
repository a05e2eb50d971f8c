// Files that the page makes for a person to keep: handed to the host, and what came of it is said (`Saved.svelte`).

import { useClient } from "../../ipc/client";
import { sentence } from "../../shared/doing.svelte";

/** The last one, until a person has read of it: where it lies, or why it does not. */
export const saved = $state<{ path: string | null; problem: string | null }>({ path: null, problem: null });

/** A file's name and what is in it. */
type Made = readonly [name: string, content: Blob];
/** Makes a file and hands it over. Never rejects. */
export type Save = (make: () => Made | Promise<Made>) => Promise<void>;

/** To be called while a component is made. */
export function useSave(): Save {
  const { platform } = useClient();
  return async (make) => {
    [saved.path, saved.problem] = [null, null];
    try {
      saved.path = await platform.save(...(await make()));
    } catch (cause) {
      saved.problem = sentence(cause);
    }
  };
}

export function textFile(type: "application/json" | "text/markdown" | "text/plain" | "image/svg+xml", text: string): Blob {
  return new Blob([text], { type: `${type};charset=utf-8` });
}
