// Pixels are held by the browser, not by the heap: a canvas that left the page keeps its megabytes until the
// collector comes by, which it has no reason to while the heap is small.

/** Gives back what is drawn on them. */
export function release(canvases: Iterable<HTMLCanvasElement>): void {
  for (const canvas of canvases) canvas.width = canvas.height = 0;
}
