// Whether single keys do something wherever the focus is. A person who speaks to their machine, or whose hands
// hit keys they did not mean, turns them off; keys with Ctrl and those of what has the focus stay.

import { recall, remember } from "./memory";

class Keys {
  single = $state(recall("singleKeys") !== "off");

  choose(single: boolean): void {
    this.single = single;
    remember("singleKeys", single ? "on" : "off");
  }
}

export const keys = new Keys();
