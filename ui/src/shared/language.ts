// The reader's language, where a browser names none. WebKitGTK hands on what its machine says: under LANG=C.UTF-8
// `navigator.language` is "C", which is no language, and which Intl refuses with an exception. uPlot asks Intl for it
// while it is loaded, so that no page with a chart in it would begin. Whoever loads such a thing imports this before it.

/** What is taken where no language is named. */
const USUAL = "en";

/** What a browser says of its reader. */
export interface Reader {
  readonly language: string;
  readonly languages: readonly string[];
}

function isLanguage(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}

/** Sees to it that all the languages it says are ones. */
export function ensureLanguage(reader: Reader): void {
  const languages = reader.languages.filter(isLanguage);
  if (isLanguage(reader.language) && languages.length === reader.languages.length) return;
  const language = isLanguage(reader.language) ? reader.language : (languages[0] ?? USUAL);
  // They are read from the prototype; what is said of this one comes before.
  Object.defineProperties(reader, {
    language: { value: language, configurable: true },
    languages: { value: Object.freeze(languages.length > 0 ? languages : [language]), configurable: true },
  });
}

// Where there is a page, and not in its unit tests.
if (typeof navigator !== "undefined") ensureLanguage(navigator);
