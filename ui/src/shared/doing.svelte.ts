// Something that is under way because a person asked for it: running or not, and what went wrong.

export class Doing {
  /** What runs, by the name the caller gave it. */
  running = $state<string | null>(null);
  /** What went wrong the last time, as a sentence. */
  error = $state<string | null>(null);

  /** Runs one thing at a time; a second ask while the first runs is ignored. */
  async run<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    if (this.running !== null) return undefined;
    this.running = name;
    this.error = null;
    try {
      return await work();
    } catch (cause) {
      this.error = sentence(cause);
      return undefined;
    } finally {
      this.running = null;
    }
  }
}

/** An error as a sentence: begins large, ends with a full stop. */
export function sentence(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
