// The registry: who is where.

export const registry = {
  entries: "Registry entries",
  columns: { name: "Name", health: "Health", address: "Address", category: "Category", tags: "Tags", keptBy: "Kept by", since: "Since" },
  open: "Open in the browser",
  noAddress: "says none",
  health: { passing: "passing", warning: "warning", critical: "critical" },
  /** Where a check says nothing more. */
  healthMore: {
    passing: "Nothing is known against it.",
    warning: "It answers, and has something to complain of.",
    critical: "It gets no requests.",
  },
  keptBy: {
    own: (cluster: string) => `cluster ${cluster}`,
    /** `span` is a number with its unit: "12 s". */
    lease: (span: string) => `its lease, ${span} left`,
    leaseOver: "its lease, which ends now",
    probe: "our check of it",
    checks: "its own checks",
  },
  keptByMore: {
    own: "Azora runs it: it is listed while it serves.",
    lease: "It sends heartbeats: without them it leaves the list.",
    probe: "It is asked how it is, and leaves the list when it fails for as long as it chose.",
    checks: "It registered as Consul's clients do: it stays until it is taken from the list, or its check was critical for too long.",
  },
  which: { all: "All", trouble: "In trouble", registered: "Registered" },
  whichMore: "Which entries",

  register: {
    word: "Register a program",
    title: "Register a program",
    more: "Any program of yours on this machine can be found by name here, and is reached through the gateway as `http://NAME.localhost`.",
    lease: "With heartbeats: it leaves the list when none came for `ttl` seconds",
    beat: "And as often as it likes, well within that time",
    check: "Or with a check: the registry asks it how it is",
    leave: "Take it from the list",
    command: "command",
    off: "The registry does not listen, so nobody can register.",
  },
};
