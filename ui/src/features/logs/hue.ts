// A colour for each name: the same name has the same one everywhere. Names are read, too; the colour only
// helps the eye to find its place again.

export function hue(name: string): number {
  let hash = 2_166_136_261;
  for (let at = 0; at < name.length; at += 1) hash = Math.imul(hash ^ name.charCodeAt(at), 16_777_619);
  // Twelve colours that are told apart.
  return ((hash >>> 0) % 12) * 30;
}
