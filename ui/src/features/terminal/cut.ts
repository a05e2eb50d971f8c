// Pieces of a long paste.

/** Most that is sent at once; the engine takes 64 KB. */
const PIECE = 16_000;

/** The first piece of a text, and the rest: not cut within a character of two units. */
export function cut(text: string, most = PIECE): [string, string] {
  let at = Math.min(text.length, most);
  const last = text.charCodeAt(at - 1);
  if (at < text.length && last >= 0xd800 && last <= 0xdbff) at -= 1;
  return [text.slice(0, at), text.slice(at)];
}
