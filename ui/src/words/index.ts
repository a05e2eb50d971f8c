// All words of the control room, in the language of the page. A room takes its own (`words.logs`), those that all share
// (`words.shared`) and the names of states (`words.states`). How to add a word or a language: README.md.

import { en } from "./en";

export type { Sentence } from "./say";

/** What every language has: the same keys, and functions that take the same. */
export type Words = typeof en;

export const words: Words = en;
