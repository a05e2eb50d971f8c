// Splits a byte stream into lines of JSON. Knows nothing of what they mean.

/** A line longer than this is not one of ours: a full snapshot of 1,000 services is under 4 MB. */
export const MAX_LINE = 64 * 1024 * 1024;

/** Feeds pieces in, hands whole lines out, keeps what is left for the next piece. */
export class LineSplitter {
  private rest: string[] = [];
  private size = 0;

  /** @throws RangeError when a line grows past `MAX_LINE`. */
  push(piece: string, onLine: (line: string) => void): void {
    let from = 0;
    for (;;) {
      const end = piece.indexOf("\n", from);
      if (end < 0) break;
      const tail = piece.slice(from, end);
      const line = this.size > 0 ? this.rest.join("") + tail : tail;
      this.rest = [];
      this.size = 0;
      if (line.trim() !== "") onLine(line);
      from = end + 1;
    }
    if (from < piece.length) {
      const tail = from === 0 ? piece : piece.slice(from);
      this.size += tail.length;
      if (this.size > MAX_LINE) throw new RangeError("a line of the stream is too long");
      this.rest.push(tail);
    }
  }
}
