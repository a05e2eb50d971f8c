// What the page puts where tests from outside can see it.

interface Window {
  __azora?: {
    topology: {
      /** Centres and sizes of all services, in page coordinates, and of how many probes the curve is that each shows; `often` are requests a second through the gateway. */
      nodes: () => { name: string; state: string; often: number; x: number; y: number; width: number; height: number; curve: number }[];
      fit: () => void;
      /** When the first sharp picture of the graph was on the screen, by the page's clock. */
      drawn: () => number | null;
    };
  };
}
