import { describe, expect, it } from "vitest";
import type { BackendState, BackendView, GatewayMessage, GatewayRequest, RouteView, Traffic } from "../../ipc/generated";
import { failedShare, lookOf, matching, pathUrlOf, together, troubled, urlOf } from "./looks";
import { MAX_REQUESTS, Picture } from "./picture";
import { curlOf, fitting, headersOf } from "./requests";
import { KEPT_MS, Series } from "./series";
import { sorted, type Column } from "./sorting";

function traffic(per_second: number, failed_per_second = 0): Traffic {
  return { total: 0, failed: 0, per_second, failed_per_second, p50_ms: null, p99_ms: null, bytes_in: 0, bytes_out: 0 };
}

function backend(state: BackendState, nth = 0): BackendView {
  return { id: `api.${nth}`, instance: `api.${nth}`, address: "127.0.0.1:1", state, why: null, until: null, in_flight: 0, traffic: traffic(0) };
}

function route(name: string, states: BackendState[], rate = traffic(1)): RouteView {
  return {
    host: `${name}.shop.localhost`, prefix: `/shop/${name}`, cluster: "shop-1", name, balance: "least_of_two", backends: states.map(backend),
    unavailable: null, traffic: rate, retries: 0, retry_budget: 1,
  };
}

function request(seq: number, more: Partial<GatewayRequest> = {}): GatewayRequest {
  return { seq, at: 0, id: "same", method: "GET", host: "api.shop.localhost", path: "/", status: 200, took_ms: 1, backend: null, caller: null, whence: "outside", retries: 0, error: null, ...more };
}

function message(at: number, routes: RouteView[] | null, gone: string[] = [], requests: GatewayRequest[] = []): GatewayMessage {
  return { at, gateway: routes === null ? null : { address: "http://127.0.0.1:7422", connections: 1, routes, total: routes.length, refused: 0 }, gone, edges: [], requests };
}

describe("a route", () => {
  it("is said to be as its instances are", () => {
    expect(lookOf(route("api", ["serving", "serving"])).tone).toBe("good");
    expect(lookOf(route("api", ["serving", "ejected"])).tone).toBe("warn");
    expect(lookOf(route("api", ["ejected"])).tone).toBe("bad");
    expect(lookOf(route("api", [])).tone).toBe("bad");
    // One that drains is about to be stopped, which is no trouble.
    expect(lookOf(route("api", ["serving", "draining"])).tone).toBe("good");
  });

  it("is in trouble when an instance is, or requests fail", () => {
    expect(troubled(route("api", ["serving"]))).toBe(false);
    expect(troubled(route("api", ["serving"], traffic(10, 0.1)))).toBe(true);
    expect(troubled(route("api", ["withheld"]))).toBe(true);
  });

  it("has no share of errors without requests", () => {
    expect(failedShare(traffic(0))).toBeNull();
    expect(failedShare(traffic(10, 1))).toBeCloseTo(0.1);
  });

  it("is found by host and by path", () => {
    const routes = [route("api", ["serving"]), route("web", ["ejected"])];
    expect(matching(routes, "API", false).map((each) => each.name)).toEqual(["api"]);
    expect(matching(routes, "/shop/w", false).map((each) => each.name)).toEqual(["web"]);
    expect(matching(routes, "", true).map((each) => each.name)).toEqual(["web"]);
  });

  it("has an address by name and one by path", () => {
    const one = route("api", []);
    expect(urlOf(one, "http://127.0.0.1:7422")).toBe("http://api.shop.localhost:7422/");
    expect(pathUrlOf(one, "http://127.0.0.1:7422")).toBe("http://127.0.0.1:7422/shop/api/");
  });

  it("stands where its numbers put it, the worst first", () => {
    const routes = [route("a", ["serving"], traffic(1)), route("b", ["ejected"], traffic(5, 1)), route("c", ["serving", "ejected"], traffic(5))];
    const names = (by: Column, down = false): string => sorted(routes, by, down).map((each) => each.name).join("");
    expect([names("name"), names("name", true)]).toEqual(["abc", "cba"]);
    expect([names("instances"), names("rate"), names("errors")]).toEqual(["bca", "bca", "bac"]);
  });

  it("adds its traffic to that of the others", () => {
    expect(together([route("a", [], traffic(2, 1)), route("b", [], traffic(3))])).toEqual({ perSecond: 5, failedPerSecond: 1 });
  });
});

describe("a curve", () => {
  it("has a gap where nobody looked, and goes back five minutes", () => {
    const series = new Series();
    series.add(1_000, traffic(1));
    series.add(2_000, traffic(2));
    series.add(2_000, traffic(9));
    series.add(20_000, traffic(3));
    expect(series.columns().rate).toEqual([1, 2, null, 3]);
    series.add(20_000 + KEPT_MS, traffic(4));
    expect(series.columns().rate).toEqual([3, null, 4]);
  });
});

describe("the picture", () => {
  it("is what was told first, with what changed", () => {
    const picture = new Picture();
    picture.take(message(1_000, [route("a", []), route("b", [])]));
    picture.take(message(2_000, [route("b", ["serving"])], ["a.shop.localhost"]));
    expect([...picture.routes.keys()]).toEqual(["b.shop.localhost"]);
    expect(picture.routes.get("b.shop.localhost")?.backends.length).toBe(1);
    // What did not change goes on in its curve all the same.
    picture.take(message(3_000, []));
    expect(picture.series.get("b.shop.localhost")?.columns().times).toEqual([1, 2, 3]);
    expect(picture.series.has("a.shop.localhost")).toBe(false);
  });

  it("is empty when the gateway ends", () => {
    const picture = new Picture();
    picture.take(message(1_000, [route("a", [])]));
    picture.take(message(2_000, null, ["a.shop.localhost"]));
    expect(picture.view).toBeNull();
    expect(picture.routes.size).toBe(0);
  });

  it("tells each request once, also when the stream begins anew, and forgets those of a gateway before", () => {
    const picture = new Picture();
    const seqs = (): number[] => picture.requests.map((each) => each.seq);
    picture.take(message(1, [], [], [request(1), request(2)]));
    picture.begin();
    picture.take(message(2, [], [], [request(2), request(3)]));
    expect(seqs()).toEqual([1, 2, 3]);
    picture.take(message(3, [], [], [request(1)]));
    expect(seqs()).toEqual([1]);
  });

  it("keeps so many requests and no more", () => {
    const picture = new Picture();
    for (let from = 0; from < 5_000; from += 1_000) {
      picture.take(message(from + 1, [], [], Array.from({ length: 1_000 }, (_none, nth) => request(from + nth + 1))));
    }
    expect(picture.requests.length).toBe(MAX_REQUESTS);
    expect(picture.requests.at(-1)?.seq).toBe(5_000);
  });
});

describe("requests", () => {
  it("are found by host, path and status, the newest first", () => {
    const all = [request(1), request(2, { status: 404, path: "/missing" }), request(3, { status: 503 }), request(4, { error: "broke off" })];
    const seqs = (text: string, which: "all" | "failed" | "4xx" | "3xx"): number[] => fitting(all, text, which).map((each) => each.seq);
    expect(seqs("", "all")).toEqual([4, 3, 2, 1]);
    expect(seqs("localhost/miss", "all")).toEqual([2]);
    expect(seqs("", "4xx")).toEqual([2]);
    expect(seqs("", "failed")).toEqual([4, 3]);
    expect(seqs("", "3xx")).toEqual([]);
  });
});

describe("a request that is typed", () => {
  it("has a header a line", () => {
    expect(headersOf("A: b\n\n x-y :  z: 1 \n")).toEqual({ headers: [["A", "b"], ["x-y", "z: 1"]], wrong: null });
    expect(headersOf("A: b\nno header").wrong).toBe("no header");
    expect(headersOf(": b").wrong).toBe(": b");
  });

  it("is the same as a curl command, whatever is in it", () => {
    const curl = curlOf({ host: "api.shop.localhost", method: "POST", path: "/a?b=c&d", headers: [["X", "it's"]], body: "{}" }, "http://127.0.0.1:7422");
    expect(curl).toBe(`curl -X POST -H 'X: it'\\''s' --data-raw '{}' 'http://api.shop.localhost:7422/a?b=c&d'`);
    expect(curlOf({ host: "a.localhost", method: "GET", path: "/" }, "http://127.0.0.1:80")).toBe("curl http://a.localhost:80/");
  });
});
