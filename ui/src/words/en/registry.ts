// The registry: who is where.

export const registry = {
  entries: "Registry entries",
  columns: { name: "Name", entry: "Entry", address: "Address", keptBy: "Kept by", since: "Since", leaseEnds: "Lease ends" },
  open: "Open in the browser",
  keptByCluster: (cluster: string) => `cluster ${cluster}`,
  keptByLease: "its own lease",
  withInstance: "with its instance",
  in: (span: string) => `in ${span}`,
};
