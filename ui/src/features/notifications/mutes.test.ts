import { describe, expect, it } from "vitest";
import type { ClusterView, Mute } from "../../ipc/generated";
import { isOf, lasting, longest, whom } from "./mutes";

const mute = (cluster: string | null, service: string | null, until: number | null = null): Mute => ({ cluster, service, since: 0, until });
const cluster = (id: string, name: string): ClusterView => ({ id, name, folder: "/", overall: "operational", reason: "", held: false, services: [] });

describe("the mute that counts", () => {
  const [all, shop, db] = [mute(null, null, 100), mute("shop-1", null, 300), mute("shop-1", "db", 200)];

  it("is the longest of those that cover a service", () => {
    expect(longest([all, shop, db], "shop-1", "db")).toBe(shop);
    expect(longest([all, db], "shop-1", "db")).toBe(db);
    expect(longest([all, mute("shop-1", "db")], "shop-1", "db")?.until).toBeNull();
    expect(longest([all, shop, db], "lamp-2", "db")).toBe(all);
    expect(longest([shop, db], "lamp-2", "db")).toBeNull();
  });

  it("of a whole cluster or of everything is none that is only about a part", () => {
    expect(longest([db], "shop-1", null)).toBeNull();
    expect(longest([shop, db], null, null)).toBeNull();
    expect(longest([all, shop], null, null)).toBe(all);
  });

  it("of exactly these is no wider one", () => {
    expect(isOf(db, "shop-1", "db")).toBe(true);
    expect(isOf(shop, "shop-1", "db")).toBe(false);
    expect(isOf(all, null, null)).toBe(true);
  });
});

describe("what is muted", () => {
  it("is called as people call it, and by its id where two are called so", () => {
    const home = [cluster("shop-1", "shop"), cluster("lamp-2", "lamp")];
    expect(whom(mute(null, null), home)).toBe("everything");
    expect(whom(mute("shop-1", null), home)).toBe("shop");
    expect(whom(mute("shop-1", "db"), home)).toBe("db of shop");
    expect(whom(mute("gone-3", null), home)).toBe("gone-3");
    expect(whom(mute("shop-1", null), [...home, cluster("shop-9", "shop")])).toBe("shop-1");
  });

  it("has an end, or none", () => {
    expect(lasting("3600000")).toEqual({ span_ms: 3_600_000 });
    expect(lasting("")).toEqual({});
  });
});
