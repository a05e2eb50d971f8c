// What is said when the host or its engine cannot be reached. These read after "failed to", so they begin small.

export const platform = {
  noToken: "this page holds no valid token for the engine that runs now. Open the address that `azora serve` or `azora status` prints.",
  answered: (status: number, text: string) => `the engine answered ${status} ${text}`,
  mayBeStopped: "the engine does not answer. It may have been stopped: start it with `azora serve`, or open the app.",
  noAnswer: "the engine does not answer",
  endedStream: "the engine ended the stream",
  pickFolder: "Open a folder",
};
