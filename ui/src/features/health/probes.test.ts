import { describe, expect, it } from "vitest";
import type { Evidence, Pulse, ServiceView } from "../../ipc/generated";
import { probeRows } from "./probes";

const defined = (probes: Partial<ServiceView>): ServiceView => ({
  name: "api", category: "services", needs: [], replicas: 1, oneshot: false, protected: false, tty: false, run: "api",
  startup: null, ready: null, health: null, limits: [], ...probes,
});
const said = (detail: string): Evidence => ({ verdict: "pass", detail, latency_us: 1_200 });
const usage = { cpu: 0, memory: 0, processes: 1, files: 9 };

describe("what probes said last", () => {
  it("is one row a probe, in the order in which they are asked", () => {
    const pulse: Pulse = {
      usage,
      health: said("GET /live answered 200"),
      checked: 7,
      probes: [
        { at: 7, kind: "health", evidence: said("GET /live answered 200") },
        { at: 5, kind: "startup", evidence: said("it wrote: up") },
      ],
    };
    const rows = probeRows(defined({ startup: "a line", ready: "GET /ready", health: "GET /live" }), pulse);
    expect(rows.map((row) => [row.name, row.said?.detail ?? null, row.at])).toEqual([
      ["Startup", "it wrote: up", 5],
      ["Ready", null, null],
      ["Health", "GET /live answered 200", 7],
    ]);
  });

  it("is what was seen last where there is but one probe", () => {
    const rows = probeRows(defined({ health: "GET /" }), { usage, health: said("GET / answered 200"), checked: 7 });
    expect(rows.map((row) => row.said?.detail)).toEqual(["GET / answered 200"]);
    expect(probeRows(defined({}), undefined)).toEqual([]);
    expect(probeRows(defined({ health: "GET /" }), undefined)[0]?.said).toBeNull();
  });
});
