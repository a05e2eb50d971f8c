import { describe, expect, it } from "vitest";
import { UNITS, along, available, moment, rate, share, shortly } from "./format";

describe("numbers along an axis", () => {
  it("share the unit of the largest", () => {
    expect(along([0, 500, 1_000, 1_500], UNITS.latency)).toEqual(["0.0 s", "0.5 s", "1.0 s", "1.5 s"]);
    expect(along([0, 50, 100], UNITS.latency)).toEqual(["0 ms", "50 ms", "100 ms"]);
    expect(along([0, 2e7, 4e7], UNITS.bytes)).toEqual(["0 MB", "20 MB", "40 MB"]);
    expect(along([0, 0.02, 0.04], UNITS.cpu)).toEqual(["0 %", "2 %", "4 %"]);
    expect(along([0, 0.5, 1], UNITS.cpu)).toEqual(["0.0 cores", "0.5 cores", "1.0 cores"]);
  });

  it("have as many decimals as tell them apart", () => {
    expect(along([0, 0.005, 0.01], UNITS.cpu)).toEqual(["0.0 %", "0.5 %", "1.0 %"]);
    expect(along([0, 0.25], UNITS.latency)).toEqual(["0.00 ms", "0.25 ms"]);
    expect(along([0], UNITS.latency)).toEqual(["0 ms"]);
    expect(along([], UNITS.bytes)).toEqual([]);
  });
});

describe("a share", () => {
  it("is all or nothing only when it is", () => {
    expect([0, 0.0001, 0.004, 0.5, 0.999, 0.999999, 1].map(share)).toEqual(["0 %", "<0.1 %", "0.4 %", "50 %", "99.90 %", "99.99 %", "100 %"]);
  });
});

describe("a rate", () => {
  it("has a decimal where that says something, and is nothing only when it is", () => {
    expect([0, 0.04, 0.31, 9.94, 9.96, 128.4, 9_999, 14_210].map(rate)).toEqual(["0/s", "<0.1/s", "0.3/s", "9.9/s", "10/s", "128/s", "9999/s", "14.2k/s"]);
  });
});

describe("a time to come", () => {
  it("is said to the minute, with the day where that is another one", () => {
    const now = new Date(2026, 10, 29, 13, 5, 30).getTime();
    expect(moment(now + 3_600_000, now)).toBe("14:05");
    expect(moment(new Date(2026, 10, 30, 9, 0).getTime(), now)).toMatch(/Mon.*30.*09:00$/);
    expect(moment(new Date(2026, 10, 29, 0, 0).getTime(), now)).toBe("00:00");
  });

  it("have a short form that is cut in no column", () => {
    const now = new Date(2026, 10, 29, 13, 5).getTime();
    expect(shortly(now + 3_600_000, now)).toBe("14:05");
    expect(shortly(new Date(2026, 10, 30, 2, 0).getTime(), now)).toBe("Mon 02:00");
    expect(shortly(new Date(2026, 11, 24, 2, 0).getTime(), now)).toMatch(/^(Dec 24|24 Dec)$/);
  });
});

describe("how much of the time something served", () => {
  it("is never said to be all of it when it was not", () => {
    expect([1, 0.999_999, 0.9998, 0.99, 0.9369, 0].map(available)).toEqual(["100 %", "99.99 %", "99.98 %", "99.00 %", "93.7 %", "0.0 %"]);
  });
});
