// How the pages are built. Two builds come out of it: the product (`dist`), and with `--mode fake` a
// build whose host is simulated inside the page (`dist-fake`), which only tests and UI work use.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig(({ mode }) => ({
  plugins: [svelte()],
  // The product is opened at the root of its host, by Tauri and by the engine alike.
  base: "/",
  clearScreen: false,
  server: { port: 5173, strictPort: false, host: "127.0.0.1" },
  build: {
    outDir: mode === "fake" ? "dist-fake" : "dist",
    emptyOutDir: true,
    // WebKitGTK 2.44 is the oldest webview the desktop runs on.
    target: ["safari17", "chrome114", "firefox115"],
    // Never inline a file as data: URL; the content security policy allows our own files only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  worker: { format: "es" as const },
  test: {
    include: ["src/**/*.test.ts"],
    environment: "node",
  },
}));
