// Chooses the host this page runs in. The simulated one exists only in builds made with
// `--mode fake`; in a product build the branch and everything behind it is gone.

import { inTauri, tauri } from "./tauri";
import type { Platform } from "./types";
import { web } from "./web";

export async function platform(): Promise<Platform> {
  if (import.meta.env.MODE === "fake") {
    const { fake } = await import("./fake");
    return fake();
  }
  return inTauri() ? tauri() : web();
}
