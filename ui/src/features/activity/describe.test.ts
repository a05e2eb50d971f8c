import { describe, expect, it } from "vitest";
import type { Act, ClusterView, Event } from "../../ipc/generated";
import { describe as told, whom } from "./describe";

const SHOP: ClusterView = { id: "shop-1b2c3d4e", name: "shop", folder: "/code/shop", overall: "operational", reason: "", held: false, services: [] };
const act = (cluster: string | null, services: string[] = []): Act => ({
  id: 1, at: 0, actor: { kind: "person", via: "window" }, verb: "up", target: { cluster, services, instance: null }, reason: "", outcome: { kind: "pending" },
});
const ready: Event = { seq: 1, at: 0, cluster: SHOP.id, what: { kind: "system_ready", services: 3, took_ms: 900 } };

describe("what happens to a cluster", () => {
  it("is told of its name", () => {
    expect(whom(act(SHOP.id), [SHOP])).toBe("shop");
    expect(told(ready, [SHOP]).who).toBe("shop");
  });

  it("is told of its id when it is gone", () => {
    expect(whom(act(SHOP.id), [])).toBe("shop-1b2c3d4e");
  });

  it("is told of its services where only they are meant", () => {
    expect(whom(act(SHOP.id, ["db", "web"]), [SHOP])).toBe("db, web");
    expect(whom(act(null), [SHOP])).toBe("everything");
  });
});
