// Makes the file of each kind.

import type { Palette } from "../scene";
import { mermaid } from "./mermaid";
import { drawAll, sizeOf } from "./png";
import type { PngOrder } from "./png.worker";
import type { Subject } from "./subject";
import { svg } from "./svg";

/** An image that is not there by now will not come. */
const LATE_MS = 30_000;

export async function png(subject: Subject, colours: Palette): Promise<Blob> {
  if (typeof OffscreenCanvas === "undefined") return here(subject, colours);
  const worker = new Worker(new URL("./png.worker.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise<Blob>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the image was not drawn within ${String(LATE_MS / 1_000)} s`)), LATE_MS);
      worker.onmessage = ({ data }: MessageEvent<Blob | string>) => {
        clearTimeout(late);
        if (typeof data === "string") reject(new Error(data));
        else resolve(data);
      };
      worker.onerror = () => reject(new Error("the image could not be drawn"));
      worker.postMessage({ subject, colours } satisfies PngOrder);
    });
  } finally {
    worker.terminate();
  }
}

async function here(subject: Subject, colours: Palette): Promise<Blob> {
  const canvas = document.createElement("canvas");
  const { width, height } = sizeOf(subject.scene.layout.width, subject.scene.layout.height);
  [canvas.width, canvas.height] = [width, height];
  const ctx = canvas.getContext("2d");
  if (!ctx) throw new Error("this browser cannot draw");
  drawAll(ctx, subject, colours);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("this browser cannot make an image of it")))));
}

export function drawing(subject: Subject, colours: Palette): string {
  const ctx = document.createElement("canvas").getContext("2d");
  return svg(subject, colours, (text, font) => {
    if (!ctx) return text.length * 7;
    ctx.font = font;
    return ctx.measureText(text).width;
  });
}

export { mermaid };
