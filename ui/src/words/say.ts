// What sentences are made with: plurals after the rules of a language, and sentences that hold more than text.

import type { Snippet } from "svelte";

/** A sentence with pieces of the page in it, in the order of its language: `shared/Words.svelte` shows it. */
export type Sentence = readonly (string | Snippet)[];

/** Makes a sentence that holds pieces of the page: say`since ${when}`. */
export function say(texts: TemplateStringsArray, ...pieces: (string | Snippet)[]): Sentence {
  const made: (string | Snippet)[] = [];
  for (const each of texts.flatMap((text, nth) => [text, ...pieces.slice(nth, nth + 1)])) {
    const last = made.at(-1);
    // Text that belongs together stays so: a quotation begins and ends in one.
    if (typeof each === "string" && typeof last === "string") made[made.length - 1] = last + each;
    else if (each !== "") made.push(each);
  }
  return made;
}

/** The forms that a language has for numbers; `#` stands for the number. */
export type Forms = { readonly other: string } & { readonly [form in Exclude<Intl.LDMLPluralRule, "other">]?: string };

/** For one language: the form that fits a number, with the number in it. */
export function plurals(language: string): (n: number, forms: Forms) => string {
  const rules = new Intl.PluralRules(language);
  const digits = new Intl.NumberFormat(language);
  return (n, forms) => (forms[rules.select(n)] ?? forms.other).replaceAll("#", () => digits.format(n));
}

/** For one language: whole numbers as it writes them. */
export function numbers(language: string): (n: number) => string {
  const digits = new Intl.NumberFormat(language);
  return (n) => digits.format(n);
}
