// Finds by a few letters: all letters in order, those at word beginnings and in a row count more.

/** How well `text` fits `query`; `null` when it does not. Higher is better. */
export function fit(text: string, query: string): number | null {
  if (query === "") return 0;
  const [body, wanted] = [text.toLowerCase(), query.toLowerCase().replaceAll(" ", "")];
  const whole = body.indexOf(query.toLowerCase());
  if (whole >= 0) return 1_000 - whole * 2 - body.length * 0.1;
  let score = 0;
  let from = 0;
  let row = 0;
  for (const letter of wanted) {
    const at = body.indexOf(letter, from);
    if (at < 0) return null;
    row = at === from && from > 0 ? row + 1 : 0;
    const begins = at === 0 || /[^a-z0-9]/.test(body[at - 1] ?? "");
    score += (begins ? 12 : 1) + row * 4 - (at - from) * 0.2;
    from = at + 1;
  }
  return score - body.length * 0.1;
}
