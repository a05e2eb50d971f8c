import { describe, expect, it } from "vitest";
import type { RegistryView } from "../../ipc/generated";
import { keptBy, matching, opens } from "./looks";

function entry(name: string, more: Partial<RegistryView> = {}): RegistryView {
  return {
    name, id: `${name}.0`, url: `http://127.0.0.1:80`, kept_by: "own", cluster: "shop-1", cluster_name: "shop", instance: `${name}.0`, tags: [], version: null,
    category: null, health: "passing", health_why: null, since: 0, expires: null, ...more,
  };
}

describe("entries", () => {
  const all = [
    entry("api", { category: "services" }),
    entry("mail", { kept_by: "lease", tags: ["Blue", "v2"], version: "2.1.0", cluster_name: null, expires: 10_000 }),
    entry("old", { kept_by: "checks", health: "critical", cluster_name: null }),
  ];
  const names = (text: string, which: "all" | "trouble" | "registered" = "all"): string[] => matching(all, text, which).map((each) => each.name);

  it("are found by all they say of themselves, each word somewhere", () => {
    expect(names("")).toEqual(["api", "mail", "old"]);
    expect([names("blue"), names("2.1"), names("services"), names("shop"), names("critical")]).toEqual([["mail"], ["mail"], ["api"], ["api"], ["old"]]);
    expect([names("blue mail"), names("blue api")]).toEqual([["mail"], []]);
  });

  it("are narrowed to those in trouble, and to those that registered themselves", () => {
    expect([names("", "trouble"), names("", "registered")]).toEqual([["old"], ["mail", "old"]]);
  });

  it("say by what they stay", () => {
    expect(all.map((each) => keptBy(each, 4_200))).toEqual(["cluster shop", "its lease, 6.0 s left", "its own checks"]);
    expect(keptBy(entry("mail", { kept_by: "lease", expires: 10 }), 20)).toContain("ends now");
  });

  it("are opened in a browser only where a browser can", () => {
    expect(["http://127.0.0.1:1", "https://x", "postgres://x", "javascript:1", ""].map(opens)).toEqual([true, true, false, false, false]);
  });
});
