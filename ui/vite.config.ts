// How the pages are built. Two builds come out of it: the product (`dist`), and with `--mode fake` a
// build whose host is simulated inside the page (`dist-fake`), which only tests and UI work use.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

/**
 * xterm.js styles itself by `<style>` elements and `style` attributes set as text, which our content security
 * policy refuses as it should. In the build the first become elements of ours (`features/terminal/style.ts`), the
 * second properties, which no markup can set. Another version in which they are not where they were fails.
 */
function quietXterm() {
  return {
    name: "quiet-xterm",
    apply: "build" as const,
    transform(code: string, id: string) {
      if (!id.includes("/@xterm/xterm/lib/")) return null;
      let found = 0;
      const count = (to: string): string => {
        found += 1;
        return to;
      };
      const quiet = code
        .replace(/createElement\("style"\)/g, () => count('createElement("azora-style")'))
        .replace(/([\w$]+)\.setAttribute\("style",(`\$\{\1\.getAttribute\("style"\)\|\|""\}\$\{[\w$]+\};`)\)/g, (_, of: string, text: string) => count(`${of}.style.cssText=${text}`));
      if (found !== 4 || quiet.includes('setAttribute("style"')) throw new Error("xterm.js styles itself elsewhere than it did: see quietXterm in vite.config.ts");
      return { code: quiet, map: null };
    },
  };
}

export default defineConfig(({ mode }) => ({
  plugins: [svelte(), quietXterm()],
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
