// What an ordinary program does with Consul, told by the `consul` package as it comes from npm.
//
// Called by tests/journeys/consul.rs with the port to talk to, and with NODE_PATH set to where the package
// is. Ends with 0 when all of it is as the client expects it.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";

const Consul = createRequire(join(process.env.NODE_PATH, "x.js"))("consul");
const port = Number(process.argv[2]);
const consul = new Consul({ host: "127.0.0.1", port });

const refused = async (status, call) => {
  const error = await call().then(
    () => assert.fail("it was not refused"),
    (error) => error,
  );
  assert.equal(error.response?.statusCode, status, String(error));
  return error;
};

const ids = (found) => found.map((one) => one.Service.ID);

// A watch, and how to wait until what it said last fits.
const follow = (options) => {
  const watch = consul.watch(options);
  let last;
  let look = () => {};
  watch.on("change", (data) => {
    last = data;
    look();
  });
  return {
    end: () => watch.end(),
    until: (fits) =>
      new Promise((resolve, reject) => {
        watch.once("error", reject);
        look = () => last !== undefined && fits(last) && resolve(last);
        look();
      }),
  };
};

const deadline = setTimeout(() => {
  console.error("it took longer than a minute");
  process.exit(1);
}, 60_000);

assert.equal(await consul.status.leader(), `127.0.0.1:${port}`);
const { Config } = await consul.agent.self();
assert.deepEqual(await consul.catalog.datacenters(), [Config.Datacenter]);
assert.equal((await consul.agent.members()).length, 1);
assert.equal((await consul.catalog.node.list())[0].Node, Config.NodeName);

// Discovery, with a watch on it.
const watch = follow({ method: consul.health.service, options: { service: "node/web", passing: true } });
const names = follow({ method: consul.catalog.service.list });
await watch.until((data) => data.length === 0);
const named = names.until((data) => "node/web" in data);
const there = watch.until((data) => data.length === 1);
await consul.agent.service.register({
  id: "n-1",
  name: "node/web",
  address: "127.0.0.1",
  port: 21001,
  tags: ["a"],
  meta: { Camel_Case: "kept" },
  checks: [
    { name: "beat", ttl: "30s", deregistercriticalserviceafter: "1h" },
    { name: "other", ttl: "30s", status: "passing" },
  ],
});
await named;
await consul.agent.check.pass({ id: "service:n-1:1", note: "well" });
const [found] = await there;
assert.equal(found.Service.Meta.Camel_Case, "kept");
assert.deepEqual(found.Checks.map((check) => [check.CheckID, check.Name, check.Status]), [
  ["service:n-1:1", "beat", "passing"],
  ["service:n-1:2", "other", "passing"],
]);
assert.deepEqual(ids(await consul.health.service("node/web")), ["n-1"]);
assert.equal((await consul.catalog.service.nodes("node/web"))[0].ServicePort, 21001);
assert.deepEqual(await consul.health.service("nobody"), []);
assert.ok((await consul.agent.service.list())["n-1"]);
assert.equal((await consul.agent.check.list())["service:n-1:1"].Output, "well");

// Words about itself.
await consul.agent.check.warn("service:n-1:1");
assert.deepEqual((await consul.health.checks("node/web")).map((check) => check.Status), ["warning", "passing"]);
await consul.agent.check.fail("service:n-1:1");
assert.ok((await consul.health.state("critical")).some((check) => check.CheckID === "service:n-1:1"));
await refused(404, () => consul.agent.check.pass("service:unknown"));
await consul.agent.check.register({ id: "extra", name: "extra", ttl: "10s", serviceid: "n-1" });
assert.ok((await consul.agent.check.list()).extra);
await consul.agent.check.deregister("extra");
await consul.agent.check.pass("service:n-1:1");

// Maintenance.
await watch.until((data) => data.length === 1);
const away = watch.until((data) => data.length === 0);
await consul.agent.service.maintenance({ id: "n-1", enable: true, reason: "new disks" });
await away;
await consul.agent.service.maintenance({ id: "n-1", enable: false });
watch.end();
names.end();

// Keys.
assert.equal(await consul.kv.get("node/none"), undefined);
assert.equal(await consul.kv.set("node/a", "1"), true);
const { ModifyIndex, Value } = await consul.kv.get("node/a");
assert.equal(Value, "1");
// This client makes nothing of `false`.
assert.notEqual(await consul.kv.set({ key: "node/a", value: "2", cas: String(ModifyIndex - 1) }), true);
assert.equal((await consul.kv.get("node/a")).Value, "1");
assert.equal(await consul.kv.set({ key: "node/a", value: "2", cas: String(ModifyIndex), flags: 7 }), true);
const key = follow({ method: consul.kv.get, options: { key: "node/a" } });
await key.until((data) => data.Value === "2" && data.Flags === 7);
const changed = key.until((data) => data.Value === "3");
await consul.kv.set("node/a", "3");
await changed;
key.end();
await consul.kv.set("node/b/c", "x");
assert.deepEqual(await consul.kv.keys({ key: "node/", separator: "/" }), ["node/a", "node/b/"]);
assert.equal((await consul.kv.get({ key: "node/", recurse: true })).length, 2);
await consul.kv.del({ key: "node/", recurse: true });
assert.equal(await consul.kv.get("node/a"), undefined);

// What is not there says so.
await refused(501, () => consul.session.create());
await refused(403, () =>
  consul.agent.service.register({ name: "bad", check: { args: ["true"], interval: "1s" } }),
);

await consul.agent.service.deregister("n-1");
assert.deepEqual(await consul.health.service("node/web"), []);
clearTimeout(deadline);
console.log("all of it");
