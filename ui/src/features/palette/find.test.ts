import { describe, expect, it } from "vitest";
import { fit } from "./find";

const best = (query: string, ...texts: string[]): string | undefined =>
  texts
    .flatMap((text) => {
      const score = fit(text, query);
      return score === null ? [] : [{ text, score }];
    })
    .sort((a, b) => b.score - a.score)[0]?.text;

describe("fit", () => {
  it("wants all letters in order", () => {
    expect(fit("api-gateway", "gpi")).toBeNull();
    expect(fit("api-gateway", "agw")).not.toBeNull();
  });
  it("likes beginnings and runs", () => {
    expect(best("ag", "language", "api-gateway")).toBe("language");
    expect(best("apg", "azora-oracle-pig", "api-gateway")).toBe("api-gateway");
    expect(best("restart api", "Restart mapi", "Restart api-gateway")).toBe("Restart api-gateway");
  });
});
