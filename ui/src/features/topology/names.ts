// What of a name is written where there is little room. The beginning tells services apart, so the end
// goes first; and of the end the word that so many share.

const SHARED = /-service$/;

/**
 * `name` in at most `most` lines (one or two), none wider than `room` as `measure` tells it. Whole if it can be,
 * in two lines if not, and with its end cut off at last; empty when not even one letter fits.
 */
export function fitName(name: string, room: number, most: 1 | 2, measure: (text: string) => number): string[] {
  if (measure(name) <= room) return [name];
  const short = name.replace(SHARED, "");
  if (short !== name && measure(short) <= room) return [short];
  if (most === 2) {
    const halves = broken(short, room, measure);
    if (halves) return halves;
  }
  const cut = shortened(short, room, measure);
  return cut === "" ? [] : [cut];
}

/** In two lines at the hyphen or space that leaves them most alike; nothing if one of them is too long. */
function broken(name: string, room: number, measure: (text: string) => number): [string, string] | null {
  const middle = name.length / 2;
  const breaks = [...name.matchAll(/[-_. ]/g)].map((match) => match.index + 1).sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle));
  for (const at of breaks) {
    const [first, second] = [name.slice(0, at).trim(), name.slice(at)];
    if (second !== "" && measure(first) <= room && measure(second) <= room) return [first, second];
  }
  return null;
}

/** What is too long even for two lines: its first words in one, and as much of the rest as fits in another; in one line where there is no such place to break it. */
export function cutLines(name: string, room: number, measure: (text: string) => number): string[] {
  const at = [...name.matchAll(/[-_. ]/g)].map((match) => match.index + 1).findLast((end) => measure(name.slice(0, end).trim()) <= room);
  const rest = at === undefined ? "" : shortened(name.slice(at), room, measure);
  return at === undefined || rest === "" ? [shortened(name, room, measure)] : [name.slice(0, at).trim(), rest];
}

/** The beginning, as much of it as fits. */
export function shortened(text: string, room: number, measure: (text: string) => number): string {
  if (measure(text) <= room) return text;
  const cut = (kept: number): string => `${text.slice(0, kept).replace(/[-_. ]+$/, "")}…`;
  let [low, high] = [0, text.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (measure(cut(middle)) <= room) low = middle;
    else high = middle - 1;
  }
  return low === 0 ? "" : cut(low);
}
