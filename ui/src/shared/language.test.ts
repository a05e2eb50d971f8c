import { describe, expect, it } from "vitest";
import { ensureLanguage, type Reader } from "./language";

/** A reader as browsers have it: what it says is read from its prototype, and cannot be set. */
function reader(language: string, languages: readonly string[]): Reader {
  class Navigator {
    get language(): string {
      return language;
    }
    get languages(): readonly string[] {
      return languages;
    }
  }
  return new Navigator();
}

function said(language: string, languages: readonly string[]): Reader {
  const found = reader(language, languages);
  ensureLanguage(found);
  return { language: found.language, languages: found.languages };
}

describe("the reader's language", () => {
  it("is none under LANG=C.UTF-8, and one after all", () => {
    expect(() => new Intl.NumberFormat(reader("C", ["C"]).language)).toThrow(RangeError);
    expect(said("C", ["C"])).toEqual({ language: "en", languages: ["en"] });
    expect(said("", [])).toEqual({ language: "en", languages: ["en"] });
    expect(new Intl.NumberFormat(said("C", ["C"]).language).format(1_234)).toBe("1,234");
  });

  it("is the first of those that are ones", () => {
    expect(said("C", ["C", "de-DE", "en"])).toEqual({ language: "de-DE", languages: ["de-DE", "en"] });
    expect(said("pt-BR", ["pt-BR", "C"])).toEqual({ language: "pt-BR", languages: ["pt-BR"] });
  });

  it("stays what it is where it is one", () => {
    const found = reader("de-DE", ["de-DE", "en-US"]);
    ensureLanguage(found);
    expect(Object.keys(Object.getOwnPropertyDescriptors(found))).toEqual([]);
    expect(found.language).toBe("de-DE");
  });
});
