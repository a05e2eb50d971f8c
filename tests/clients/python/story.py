"""What an ordinary program does with Consul, told by py-consul as it comes from PyPI.

Called by tests/journeys/consul.rs with the port to talk to, and the name and the port of a service of a
cluster that runs there. Ends with 0 when all of it is as the client expects it.
"""

import sys
import threading
import time

import consul
from consul.exceptions import ACLPermissionDenied, BadRequest, ClientError, ConsulException

PORT, OWN, OWN_PORT = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
c = consul.Consul(host="127.0.0.1", port=PORT)


def until(what, look):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        seen = look()
        if seen:
            return seen
        time.sleep(0.05)
    raise AssertionError(f"waited for {what}")


def later(call):
    """Runs a blocking query beside; gives what waits for its answer."""
    answer = []
    thread = threading.Thread(target=lambda: answer.append(call()), daemon=True)
    thread.start()

    def wait():
        thread.join(30)
        assert answer, "the query was not answered"
        return answer[0]

    return wait


def refused(kind, call):
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError("it was not refused")


def status(name):
    checks = c.health.checks(name)[1]
    return [check["Status"] for check in checks]


def machine():
    assert c.status.leader() == f"127.0.0.1:{PORT}"
    assert c.status.peers() == [f"127.0.0.1:{PORT}"]
    own = c.agent.self()
    node = own["Config"]["NodeName"]
    assert own["Config"]["Datacenter"] in c.catalog.datacenters()
    assert own["Member"]["Name"] == node and len(c.agent.members()) == 1
    index, nodes = c.catalog.nodes()
    assert int(index) > 0 and [n["Node"] for n in nodes] == [node]
    return node


def discovery(node):
    index, _ = c.health.service("mail")
    watch = later(lambda: c.health.service("mail", index=index, wait="20s"))
    services = later(lambda: c.catalog.services(index=c.catalog.services()[0], wait="20s"))
    for n in (1, 2):
        assert c.agent.service.register(
            "mail",
            service_id=f"mail-{n}",
            address="127.0.0.1",
            port=20000 + n,
            tags=["v1", f"n{n}"],
            meta={"My_Key": "Value", "version": "1.2"},
            enable_tag_override=True,
            tagged_addresses={"lan": {"address": "127.0.0.1", "port": 20000 + n}},
            weights={"Passing": 3, "Warning": 1},
            check=consul.Check.ttl("30s"),
        )
    after, found = watch()
    assert int(after) > int(index) and found[0]["Service"]["ID"].startswith("mail-")
    assert "mail" in services()[1]

    _, found = c.health.service("mail")
    assert [f["Service"]["ID"] for f in found] == ["mail-1", "mail-2"]
    one = found[0]
    assert one["Service"]["Port"] == 20001 and one["Service"]["Address"] == "127.0.0.1"
    assert one["Service"]["Meta"]["My_Key"] == "Value"
    assert one["Service"]["Tags"] == ["v1", "n1"] and one["Service"]["EnableTagOverride"] is True
    assert one["Service"]["TaggedAddresses"]["lan"]["Port"] == 20001
    assert one["Service"]["Weights"] == {"Passing": 3, "Warning": 1}
    assert one["Node"]["Node"] == node
    assert [c_["CheckID"] for c_ in one["Checks"]] == ["service:mail-1"]
    assert [f["Service"]["ID"] for f in c.health.service("mail", tag="n2")[1]] == ["mail-2"]
    assert c.health.service("mail", passing=True)[1] == []
    assert c.health.service("nobody")[1] == []
    assert c.catalog.service("nobody")[1] == []
    _, rows = c.catalog.service("mail", tag="n2")
    assert [(r["ServiceID"], r["ServicePort"], r["Node"]) for r in rows] == [("mail-2", 20002, node)]
    assert set(c.catalog.services()[1]["mail"]) == {"v1", "n1", "n2"}
    assert c.catalog.node(node)[1]["Services"]["mail-1"]["Service"] == "mail"
    assert {"mail-1", "mail-2"} <= set(c.agent.services())
    assert c.agent.service_definition("mail-2")["Port"] == 20002
    assert c.agent.service_definition("nobody") is None


def slashes():
    """A name may have slashes; this client does not encode them."""
    assert c.agent.service.register("team/mail", service_id="team/mail/1", port=20009)
    assert c.health.service("team/mail")[1][0]["Service"]["ID"] == "team/mail/1"
    assert c.catalog.service("team/mail")[1][0]["ServicePort"] == 20009
    assert c.agent.service.deregister("team/mail/1")
    assert c.health.service("team/mail")[1] == []


def heartbeats():
    assert status("mail") == ["critical", "critical"]
    index, _ = c.health.service("mail", passing=True)
    watch = later(lambda: c.health.service("mail", passing=True, index=index, wait="20s"))
    assert c.agent.check.ttl_pass("service:mail-1", "all is well")
    _, found = watch()
    assert [f["Service"]["ID"] for f in found] == ["mail-1"]
    assert found[0]["Checks"][0]["Output"] == "all is well"
    assert c.agent.check.ttl_warn("service:mail-1", "slow")
    assert status("mail") == ["warning", "critical"]
    assert c.agent.check.ttl_fail("service:mail-1", "broken")
    assert status("mail") == ["critical", "critical"]
    c.agent.check.ttl_pass("service:mail-1")
    ours = {check["CheckID"] for check in c.health.state("passing")[1]}
    assert "service:mail-1" in ours and "service:mail-2" not in ours
    # A check that nobody knows is what makes clients register again: it must not look like a success.
    assert c.agent.check.ttl_pass("service:nobody") is False
    # One that is not renewed is critical.
    c.agent.service.register("brief", port=20010, check={"ttl": "1s", "status": "passing"})
    assert status("brief") == ["passing"]
    until("a check that nobody renews to be critical", lambda: status("brief") == ["critical"])
    c.agent.service.deregister("brief")


def probes():
    """The registry itself asks what clients want to have asked: here, its own cluster's service."""
    url = f"http://127.0.0.1:{OWN_PORT}/health"
    good = consul.Check.http(url, "1s", timeout="1s", header={"x-probe": ["yes"]})
    gone = consul.Check.tcp("127.0.0.1", 1, "1s", timeout="1s", deregister="2s")
    c.agent.service.register("asked", port=OWN_PORT, check=good)
    until("a check that is asked to pass", lambda: status("asked") == ["passing"])
    c.agent.service.register("gone", port=1, check=gone)
    until("what is critical for too long to be taken from the list", lambda: not c.health.service("gone")[1])
    c.agent.check.register("more", check=consul.Check.tcp("127.0.0.1", OWN_PORT, "1s"), check_id="more", service_id="asked")
    until("a check that was added to pass", lambda: status("asked") == ["passing", "passing"])
    assert c.agent.checks()["more"]["ServiceName"] == "asked"
    c.agent.check.deregister("more")
    assert status("asked") == ["passing"]
    c.agent.service.deregister("asked")


def maintenance():
    c.agent.check.ttl_pass("service:mail-2")
    assert c.agent.service.maintenance("mail-2", True, "new disks")
    checks = {check["CheckID"]: check for check in c.health.checks("mail")[1]}
    mark = checks["_service_maintenance:mail-2"]
    assert (mark["Status"], mark["Notes"]) == ("critical", "new disks")
    assert "mail-2" not in [f["Service"]["ID"] for f in c.health.service("mail", passing=True)[1]]
    assert c.agent.service.maintenance("mail-2", False)
    assert "mail-2" in [f["Service"]["ID"] for f in c.health.service("mail", passing=True)[1]]


def keys():
    assert c.kv.get("app/none")[1] is None
    index, _ = c.kv.get("app/", recurse=True)
    watch = later(lambda: c.kv.get("app/", recurse=True, index=index, wait="20s"))
    assert c.kv.put("app/one", "1") is True
    _, found = watch()
    assert [(f["Key"], f["Value"]) for f in found] == [("app/one", b"1")]
    assert c.kv.put("app/two", b"\x00\xff", flags=2**63) is True
    _, two = c.kv.get("app/two")
    assert (two["Value"], two["Flags"], two["LockIndex"]) == (b"\x00\xff", 2**63, 0)
    assert c.kv.put("app/two", "other", cas=0) is False
    assert c.kv.put("app/two", "other", cas=two["ModifyIndex"] - 1) is False
    assert c.kv.put("app/two", "other", cas=two["ModifyIndex"]) is True
    assert c.kv.put("app/new", "n", cas=0) is True
    assert c.kv.put("app/sub/three", "3") and c.kv.put("app/sub/four", "4")
    assert c.kv.get("app/", keys=True, separator="/")[1] == ["app/new", "app/one", "app/sub/", "app/two"]
    index, _ = c.kv.get("app/one")
    watch = later(lambda: c.kv.get("app/one", index=index, wait="20s"))
    assert c.kv.put("app/elsewhere", "x")
    assert c.kv.delete("app/one") is True
    after, gone = watch()
    assert gone is None and int(after) > int(index)
    assert c.kv.delete("app/two", cas=1) is False
    assert c.kv.delete("app/", recurse=True) is True
    assert c.kv.get("app/", recurse=True)[1] is None
    refused(ConsulException, lambda: c.kv.put("lock", "x", acquire="session"))


def refusals():
    """What must not work: commands, other machines, what the engine keeps, and what is not there."""
    assert OWN in c.catalog.services()[1]
    _, own = c.health.service(OWN, passing=True)
    assert own[0]["Service"]["Port"] == OWN_PORT and own[0]["Service"]["Meta"]["instance"] == f"{OWN}.0"
    assert any(tag.startswith("cluster=") for tag in own[0]["Service"]["Tags"])
    own_id = own[0]["Service"]["ID"]
    for call in (
        lambda: c.agent.service.deregister(own_id),
        lambda: c.agent.service.maintenance(own_id, True),
        lambda: c.agent.service.register(OWN, service_id="mine", port=20011),
    ):
        assert "cluster" in refused(ClientError, call)
    script = {"args": ["touch", "/tmp/azora-must-not-be"], "interval": "1s"}
    why = refused(ACLPermissionDenied, lambda: c.agent.service.register("bad", port=20012, check=script))
    assert "command" in why
    for check in (
        consul.Check.http("http://169.254.169.254/latest/meta-data", "1s"),
        consul.Check.http("http://example.com/", "1s"),
        consul.Check.http(f"http://127.0.0.1:{PORT}/v1/agent/self", "1s"),
        consul.Check.tcp("10.0.0.1", 80, "1s"),
    ):
        refused(BadRequest, lambda check=check: c.agent.service.register("bad", port=20012, check=check))
    refused(BadRequest, lambda: c.agent.service.register("bad", address="10.0.0.1", port=80))
    refused(ConsulException, lambda: c.session.create())
    assert c.catalog.service("bad")[1] == []


def end(node):
    assert c.catalog.register(node, "127.0.0.1", service={"service": "static", "id": "static-1", "port": 20020})
    assert c.health.service("static")[1][0]["Service"]["ID"] == "static-1"
    assert c.catalog.deregister(node, service_id="static-1")
    assert c.health.service("static")[1] == []
    index, _ = c.health.service("mail")
    watch = later(lambda: c.health.service("mail", index=index, wait="20s"))
    assert c.agent.service.deregister("mail-1")
    assert [f["Service"]["ID"] for f in watch()[1]] == ["mail-2"]
    assert c.agent.service.deregister("mail-2")
    assert c.health.service("mail")[1] == []
    assert "mail" not in c.catalog.services()[1]


node = machine()
discovery(node)
slashes()
heartbeats()
probes()
maintenance()
keys()
refusals()
end(node)
print("all of it")
