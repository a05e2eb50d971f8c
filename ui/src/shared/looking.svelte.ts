// Looks again and again at what no event tells of: one look at a time, and what was seen last stays.

import { sentence } from "./doing.svelte";

export class Looking<T> {
  /** What was seen last; `null` before anything was. */
  seen = $state.raw<T | null>(null);
  /** Why the last look failed, as a sentence; `null` when it did not. */
  problem = $state<string | null>(null);
  private underWay = false;

  constructor(private readonly read: () => Promise<T>) {}

  /** One that comes while another is under way is skipped: its answer might be the older one, and come last. */
  async look(): Promise<void> {
    if (this.underWay) return;
    this.underWay = true;
    try {
      [this.seen, this.problem] = [await this.read(), null];
    } catch (error) {
      this.problem = sentence(error);
    } finally {
      this.underWay = false;
    }
  }
}
