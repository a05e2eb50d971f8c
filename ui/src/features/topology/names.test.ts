import { describe, expect, it } from "vitest";
import { cutLines, fitName } from "./names";

const measure = (text: string): number => text.length;

describe("a name in little room", () => {
  it("is whole where it fits", () => {
    expect(fitName("audit-log", 9, 2, measure)).toEqual(["audit-log"]);
  });

  it("lets the word go that so many share", () => {
    expect(fitName("settlement-service", 12, 2, measure)).toEqual(["settlement"]);
  });

  it("takes two lines where it may, at the hyphen nearest the middle", () => {
    expect(fitName("certificate-authority", 12, 2, measure)).toEqual(["certificate-", "authority"]);
    expect(fitName("time-series-store", 12, 2, measure)).toEqual(["time-", "series-store"]);
  });

  it("keeps its beginning when it has to be cut", () => {
    expect(fitName("vulnerability-scanner", 10, 1, measure)).toEqual(["vulnerabi…"]);
    expect(fitName("vulnerability-scanner", 15, 1, measure)).toEqual(["vulnerability…"]);
    expect(fitName("vulnerability-scanner", 10, 2, measure)).toEqual(["vulnerabi…"]);
  });

  it("of two words keeps the first and cuts the second", () => {
    expect(cutLines("Security-Compliance", 9, measure)).toEqual(["Security-", "Complian…"]);
    expect(cutLines("Communication", 7, measure)).toEqual(["Commun…"]);
    expect(cutLines("Infrastructure-Core", 7, measure)).toEqual(["Infras…"]);
  });

  it("is left out where nothing fits", () => {
    expect(fitName("vulnerability", 1, 2, measure)).toEqual([]);
  });
});
