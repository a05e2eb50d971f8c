// Words that many rooms say, and those of the components without a subject.

import { count, number } from "./count";

export const shared = {
  close: "Close",
  dismiss: "Dismiss",
  copy: (what: string) => `Copy ${what}`,
  copied: "Copied",
  notCopied: "Not allowed to copy: select it",
  chart: "chart",

  now: "now",
  justNow: "just now",
  /** `span` is a number with its unit: "3 min". */
  ago: (span: string) => `${span} ago`,
  cores: "cores",

  all: "All",
  show: "Show",
  /** For a list that a filter has emptied. */
  changeFilter: "Change the filter to see more.",
  services: (n: number) => count(n, { one: "# service", other: "# services" }),
  servicesOf: (shown: number, all: number) => `${number(shown)} of ${count(all, { one: "# service", other: "# services" })}`,
  /** How many are in a state: "1,055 ready". */
  inState: (n: number, state: string) => `${number(n)} ${state}`,
  suffersFrom: (service: string) => `suffers from ${service}`,
  servicesImpacted: (n: number) => count(n, { one: "# service impacted", other: "# services impacted" }),
};
