// How things are: words of the pill over every place, and of what shows health.

import { count, number } from "./count";

export const health = {
  overall: {
    ready: (well: number, all: number) => `${number(well)} of ${number(all)} ready`,
    incidents: (n: number) => count(n, { one: "# incident", other: "# incidents" }),
  },
};
