// What the engine says quotes commands, keys and lines of a log in backquotes; a page shows those as code.

/** A stretch of a text. */
export type Piece = { text: string; code: boolean };

/** The stretches of a text in order. A backquote that nothing ends is a letter like others. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let plain = 0;
  for (let from = text.indexOf("`"); from >= 0; ) {
    const to = text.indexOf("`", from + 1);
    if (to < 0) break;
    if (from > plain) found.push({ text: text.slice(plain, from), code: false });
    if (to > from + 1) found.push({ text: text.slice(from + 1, to), code: true });
    plain = to + 1;
    from = text.indexOf("`", plain);
  }
  if (plain < text.length) found.push({ text: text.slice(plain), code: false });
  return found;
}
