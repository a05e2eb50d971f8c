// Which rows of a long list are on screen. Rows have one height, so this is arithmetic.

export interface Window {
  /** First row to show. */
  from: number;
  /** One past the last. */
  to: number;
  /** Space above the first, in pixels. */
  before: number;
  /** Height of all rows, in pixels. */
  total: number;
}

export function windowOf(scrollTop: number, height: number, row: number, count: number, spare = 12): Window {
  const top = Math.min(Math.max(0, scrollTop), Math.max(0, count * row - height));
  const from = Math.max(0, Math.floor(top / row) - spare);
  const to = Math.min(count, Math.ceil((top + height) / row) + spare);
  return { from, to, before: from * row, total: count * row };
}
