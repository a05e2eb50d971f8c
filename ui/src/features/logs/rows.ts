// Which rows of a part are on screen. A line has one row, and more when it is opened. The place of the view
// is held by the line at its top, so lines may come and go above without anything moving.

import type { LogLine } from "../../ipc/generated";
import { words } from "../../words";

export interface Top {
  /** The line at the top of the view. */
  nth: number;
  /** So much of its rows is above the top, in pixels. */
  hidden: number;
}

export interface Shown {
  /** The first line on screen, and one past the last. */
  from: number;
  to: number;
}

export class Rows {
  constructor(
    private readonly count: number,
    private readonly row: number,
    private readonly rowsOf: (nth: number) => number,
  ) {}

  private height(nth: number): number {
    return this.rowsOf(nth) * this.row;
  }

  /** The highest place at which the view, so many pixels high, is still filled by what there is. */
  lowest(height: number): Top {
    let room = height;
    for (let nth = this.count - 1; nth >= 0; nth -= 1) {
      room -= this.height(nth);
      if (room <= 0) return { nth, hidden: Math.abs(room) };
    }
    return { nth: 0, hidden: 0 };
  }

  /** The place so many pixels further down, within what there is. */
  move(top: Top, by: number, height: number): Top {
    let { nth, hidden } = { nth: top.nth, hidden: top.hidden + by };
    while (hidden < 0 && nth > 0) {
      nth -= 1;
      hidden += this.height(nth);
    }
    while (nth < this.count - 1 && hidden >= this.height(nth)) {
      hidden -= this.height(nth);
      nth += 1;
    }
    const moved = { nth, hidden: Math.max(0, hidden) };
    const lowest = this.lowest(height);
    return moved.nth > lowest.nth || (moved.nth === lowest.nth && moved.hidden > lowest.hidden) ? lowest : moved;
  }

  shown(top: Top, height: number): Shown {
    let room = height + top.hidden;
    let to = top.nth;
    while (to < this.count && room > 0) {
      room -= this.height(to);
      to += 1;
    }
    return { from: Math.min(top.nth, this.count), to };
  }
}

/** Rows an opened line has at most. */
const MAX_ROWS = 400;
/** Characters of a row of a long line that is opened. */
const WIDE = 160;
/** A line is shown up to here in its own row. Longer ones freeze text layout. */
export const MAX_SHOWN = 4_000;

/** What is shown below a line that is opened: JSON by its fields, a long line in pieces. `null`: nothing. */
export function opened(text: string): readonly string[] | null {
  const trimmed = text.trim();
  const begin = trimmed.search(/[{[]/);
  if (begin >= 0 && /[}\]]$/.test(trimmed)) {
    try {
      const value: unknown = JSON.parse(trimmed.slice(begin));
      if (typeof value === "object" && value !== null && Object.keys(value).length > 0) {
        return bounded(JSON.stringify(value, null, 2).split("\n").flatMap(pieces));
      }
    } catch {
      // It only looks like JSON.
    }
  }
  return text.length > WIDE ? bounded(pieces(text)) : null;
}

function pieces(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at === 0 || at < text.length; at += WIDE) found.push(text.slice(at, at + WIDE));
  return found;
}

function bounded(rows: string[]): string[] {
  return rows.length <= MAX_ROWS ? rows : [...rows.slice(0, MAX_ROWS - 1), words.logs.moreRows(rows.length - MAX_ROWS + 1)];
}

/** A line may be opened. Cheap: asked for every line on screen. */
export function opens(text: string): boolean {
  return text.length > WIDE || /[{[].*[}\]]\s*$/.test(text);
}

/** The name of a line in the page. */
export const nameOf = (line: LogLine): string => `${line.instance}:${line.offset}`;
