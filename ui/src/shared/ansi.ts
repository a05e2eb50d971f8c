// Text with SGR colour codes as spans of plain text. Nothing here ever makes HTML.

export interface Span {
  text: string;
  /** Classes: `b` bold, `d` dim, `i` italic, `u` underlined, `v` reversed, `f0`…`f15` and `g0`…`g15` for colours. */
  look: string;
  /** A colour outside of the sixteen, as `rgb(…)`. */
  fore: string | null;
  back: string | null;
}

/** More codes than this in one line are not colour but noise; the rest is shown plain. */
const MAX_SPANS = 400;

interface Pen {
  bold: boolean;
  dim: boolean;
  italic: boolean;
  under: boolean;
  reverse: boolean;
  fore: number | string | null;
  back: number | string | null;
}

const PLAIN: Pen = { bold: false, dim: false, italic: false, under: false, reverse: false, fore: null, back: null };
// The escape character is what this file is about.
// eslint-disable-next-line no-control-regex
const SGR = /\u001b\[([0-9;:]*)m/g;

export function spans(text: string): Span[] {
  if (!text.includes("\u001b")) return text === "" ? [] : [{ text, look: "", fore: null, back: null }];
  const found: Span[] = [];
  let pen: Pen = { ...PLAIN };
  let from = 0;
  const put = (piece: string): void => {
    if (piece !== "") found.push(span(piece, pen));
  };
  for (const match of text.matchAll(SGR)) {
    put(text.slice(from, match.index));
    from = match.index + match[0].length;
    if (found.length >= MAX_SPANS) break;
    pen = turn(pen, match[1] ?? "");
  }
  put(text.slice(from).replace(SGR, ""));
  return found;
}

/** The text without its colour codes. */
export function plain(text: string): string {
  return text.includes("\u001b") ? text.replace(SGR, "") : text;
}

function span(text: string, pen: Pen): Span {
  const look: string[] = [];
  if (pen.bold) look.push("b");
  if (pen.dim) look.push("d");
  if (pen.italic) look.push("i");
  if (pen.under) look.push("u");
  if (pen.reverse) look.push("v");
  if (typeof pen.fore === "number") look.push(`f${pen.fore}`);
  if (typeof pen.back === "number") look.push(`g${pen.back}`);
  return {
    text,
    look: look.join(" "),
    fore: typeof pen.fore === "string" ? pen.fore : null,
    back: typeof pen.back === "string" ? pen.back : null,
  };
}

function turn(from: Pen, codes: string): Pen {
  const pen = { ...from };
  const numbers = codes === "" ? [0] : codes.split(/[;:]/).map((code) => (code === "" ? 0 : Number(code)));
  for (let at = 0; at < numbers.length; at += 1) {
    const code = numbers[at] ?? 0;
    if (code === 0) Object.assign(pen, PLAIN);
    else if (code === 1) pen.bold = true;
    else if (code === 2) pen.dim = true;
    else if (code === 3) pen.italic = true;
    else if (code === 4) pen.under = true;
    else if (code === 7) pen.reverse = true;
    else if (code === 22) pen.bold = pen.dim = false;
    else if (code === 23) pen.italic = false;
    else if (code === 24) pen.under = false;
    else if (code === 27) pen.reverse = false;
    else if (code >= 30 && code <= 37) pen.fore = code - 30;
    else if (code === 39) pen.fore = null;
    else if (code >= 40 && code <= 47) pen.back = code - 40;
    else if (code === 49) pen.back = null;
    else if (code >= 90 && code <= 97) pen.fore = code - 82;
    else if (code >= 100 && code <= 107) pen.back = code - 92;
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(numbers, at + 1);
      at += used;
      if (code === 38) pen.fore = colour;
      else pen.back = colour;
    }
  }
  return pen;
}

/** `5;n` or `2;r;g;b`: the colour and how many numbers it took. */
function extended(numbers: readonly number[], at: number): [number | string | null, number] {
  const byte = (nth: number): number => Math.min(255, Math.max(0, numbers[nth] ?? 0));
  if (numbers[at] === 2) return [`rgb(${byte(at + 1)} ${byte(at + 2)} ${byte(at + 3)})`, 4];
  if (numbers[at] !== 5) return [null, 1];
  const index = byte(at + 1);
  if (index < 16) return [index, 2];
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return [`rgb(${grey} ${grey} ${grey})`, 2];
  }
  const cube = index - 16;
  const level = (n: number): number => (n === 0 ? 0 : 55 + n * 40);
  return [`rgb(${level(Math.floor(cube / 36))} ${level(Math.floor(cube / 6) % 6)} ${level(cube % 6)})`, 2];
}
