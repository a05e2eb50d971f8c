// The family that words are drawn in, for canvases: a canvas does not wait for a font, and a worker has none of
// those that the page's style sheets name.

import inter from "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2?url";

/** As `--font` in tokens.css. */
export const SANS = '"Inter Variable", system-ui, -apple-system, "Segoe UI", Cantarell, Ubuntu, "Noto Sans", sans-serif';

/** The file lies beside the page; where it does not come, the system's font is drawn. */
const PATIENCE_MS = 500;

/** Settles when the family can be drawn with, here or in a worker, or when it is not to be waited for any longer. */
export async function sans(): Promise<void> {
  const late = new Promise<void>((resolve) => setTimeout(resolve, PATIENCE_MS));
  await Promise.race([load(), late]);
}

async function load(): Promise<void> {
  try {
    const face = new FontFace("Inter Variable", `url("${inter}") format("woff2")`, { weight: "100 900" });
    (self as unknown as { fonts: FontFaceSet }).fonts.add(face);
    await face.load();
  } catch {
    // No fonts in workers here, or no file: the system's are drawn.
  }
}
