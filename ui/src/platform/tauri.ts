// The host is the desktop window. The only file that imports `@tauri-apps`.

import { invoke } from "@tauri-apps/api/core";
import { open } from "@tauri-apps/plugin-dialog";
import { openUrl } from "@tauri-apps/plugin-opener";
import type { Failure, Streams } from "../ipc/generated";
import { CallError, type Platform, type Response, type Stream } from "./types";
import { words } from "../words";

/** What `invoke` rejects with: our `Failure`, or a text from Tauri itself. */
function failure(cause: unknown): CallError {
  if (typeof cause === "object" && cause !== null && "code" in cause && "message" in cause) {
    const said = cause as Failure;
    return new CallError(said.code, said.message);
  }
  return new CallError("internal", String(cause));
}

/** True inside the desktop window. */
export function inTauri(): boolean {
  return "__TAURI_INTERNALS__" in window;
}

export function tauri(): Platform {
  return {
    kind: "tauri",

    async call(name, request) {
      try {
        return await invoke<Response<typeof name>>(name, { request });
      } catch (cause) {
        throw failure(cause);
      }
    },

    stream<S extends Stream>(
      name: S,
      request: Streams[S]["request"],
      onMessage: (message: Streams[S]["message"]) => void,
      onEnd: (ended: { reason: string }) => void,
    ) {
      let stopped = false;
      const opened = invoke<number>(`stream_${name}`, { request });
      const end = (reason: string): void => {
        if (stopped) return;
        stopped = true;
        onEnd({ reason });
      };
      const pull = async (): Promise<void> => {
        const id = await opened;
        while (!stopped) {
          for (const message of await invoke<(Streams[S]["message"] | null)[]>("pull", { id })) {
            if (stopped) return;
            // `null` is the last word: the engine ended the stream.
            if (message === null) end(words.platform.endedStream);
            else onMessage(message);
          }
        }
      };
      pull().catch((cause: unknown) => {
        end(failure(cause).message);
        // Also when it was the page that failed: the host holds it until it is told.
        opened.then(
          (id) => invoke("unstream", { id }),
          () => undefined,
        );
      });
      return () => {
        stopped = true;
        opened.then(
          (id) => invoke("unstream", { id }),
          () => undefined,
        );
      };
    },

    // The plugin's own three commands; a package around them would add nothing.
    autostart: {
      isOn: () => invoke<boolean>("plugin:autostart|is_enabled"),
      set: (on) => invoke(`plugin:autostart|${on ? "enable" : "disable"}`),
    },

    // The window tells the page so; what is dropped it opens itself.
    onDrag(listener) {
      const heard = (event: Event): void => listener((event as CustomEvent<boolean>).detail);
      addEventListener("azora-drag", heard);
      return () => removeEventListener("azora-drag", heard);
    },

    pickFolder: () => open({ directory: true, multiple: false, title: words.platform.pickFolder }),

    async openCopy(path) {
      try {
        await invoke("open_copy", { path });
      } catch (cause) {
        throw failure(cause);
      }
    },

    // A web view has no list of downloads: the app writes the file, and says where.
    async save(name, content) {
      try {
        return await invoke<string>("save_file", new Uint8Array(await content.arrayBuffer()), { headers: { "azora-name": name } });
      } catch (cause) {
        throw failure(cause);
      }
    },

    openExternal(url) {
      void openUrl(url);
    },
  };
}
