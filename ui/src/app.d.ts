// What the page puts where tests from outside can see it.

interface Window {
  __azora?: {
    topology: {
      /** Centres and sizes of all services, in page coordinates. */
      nodes: () => { name: string; state: string; x: number; y: number; width: number; height: number }[];
      fit: () => void;
    };
  };
}
