import { describe, expect, it } from "vitest";
import type { GatewayEdge, RouteView, Traffic } from "../../ipc/generated";
import { flowsOf, NO_FLOWS, placesOn, trafficOf, widthOf } from "./flows";

function traffic(per_second: number, failed_per_second = 0): Traffic {
  return { total: 0, failed: 0, per_second, failed_per_second, p50_ms: null, p99_ms: 8, bytes_in: 0, bytes_out: 0 };
}
function route(name: string, rate: Traffic, cluster = "shop-1"): RouteView {
  return { host: `${name}.shop.localhost`, prefix: "", cluster, name, balance: "least_of_two", backends: [], unavailable: null, traffic: rate, retries: 0, retry_budget: 1 };
}
function edge(caller: string, to: string, rate: Traffic, cluster = "shop-1"): GatewayEdge {
  return { cluster, caller, host: `${to}.shop.localhost`, traffic: rate };
}

describe("what goes through the gateway", () => {
  const routes = [route("api", traffic(10, 1)), route("db", traffic(0)), route("other", traffic(5), "shop-2")];

  it("is of one cluster, and only where something goes", () => {
    const { services, edges } = trafficOf("shop-1", routes, [edge("web", "api", traffic(4)), edge("api", "db", traffic(0)), edge("web", "other", traffic(5)), edge("cron", "api", traffic(6))]);
    expect([...services]).toEqual([["api", { perSecond: 10, failed: 0.1, p99: 8 }]]);
    expect(edges.map(({ from, to }) => [from, to])).toEqual([["cron", "api"], ["web", "api"]]);
  });

  it("lies along the lines of those that are in the picture", () => {
    const flows = flowsOf(["api", "web"], trafficOf("shop-1", routes, [edge("web", "api", traffic(4, 1)), edge("gone", "api", traffic(6))]));
    expect([...flows.ends]).toEqual([1, 0]);
    expect([...flows.numbers]).toEqual([4, 0.25, 8]);
    expect([...flows.services]).toEqual([10, 0]);
    expect(flowsOf(["api"], trafficOf("shop-2", [], []))).toBe(NO_FLOWS);
  });
});

describe("a line", () => {
  it("is wider the more goes along it, and never so wide that it hides others", () => {
    const widths = [0, 1, 10, 100, 1_000, 1e9].map(widthOf);
    expect(widths).toEqual([...widths].sort((a, b) => a - b));
    expect(widths.at(-1)).toBe(6.5);
  });

  it("has its text in its middle, or elsewhere along it", () => {
    const places = placesOn([0, 0, 10, 0, 10, 10]);
    expect(places[0]).toEqual([10, 0]);
    expect(places[1]).toEqual([7, 0]);
    expect(places[2]?.[1]).toBeCloseTo(3);
  });
});
