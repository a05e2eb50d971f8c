// The house rules that a machine can hold: no raw HTML, no `any`, and the arrows between folders
// (shared ← features ← views; only `platform` imports the host).
import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

const host = {
  group: ["@tauri-apps/*"],
  message: "only src/platform talks to the host; ask it through ipc/client",
};

/** Forbids imports whose path holds one of these folders. */
const arrows = (files, folders, because) => ({
  files,
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: [
          host,
          ...folders.map((folder) => ({ group: [`**/${folder}`, `**/${folder}/**`], message: because })),
        ],
      },
    ],
  },
});

export default ts.config(
  { ignores: ["dist/", "dist-fake/", "screenshots/", "node_modules/"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      "no-undef": "off",
      eqeqeq: "error",
      "no-console": "error",
      "no-eval": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
    rules: {
      "svelte/no-at-html-tags": "error",
      "svelte/no-navigation-without-resolve": "off",
      "svelte/prefer-svelte-reactivity": "off",
    },
  },
  {
    files: ["src/**/*.{ts,svelte}"],
    ignores: ["src/platform/**"],
    rules: { "no-restricted-imports": ["error", { patterns: [host] }] },
  },
  arrows(["src/shared/**"], ["features", "views", "ipc", "platform"], "shared knows no domain words"),
  {
    files: ["src/words/**"],
    rules: {
      "no-restricted-imports": ["error", { patterns: [host, { group: ["**/features/*", "**/platform/*", "**/shared/*", "**/views/*"], message: "the catalogue knows only its words, and the engine's types" }] }],
      // What a sentence is given and does not say is a mistake.
      "@typescript-eslint/no-unused-vars": ["error", { args: "all" }],
    },
  },
  arrows(["src/ipc/**"], ["features", "views", "shared"], "ipc is below shared, features and views"),
  arrows(["src/features/**"], ["views"], "features do not know the pages they are put on"),
  {
    files: ["tests/**", "*.config.js"],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
    rules: { "no-console": "off" },
  },
);
