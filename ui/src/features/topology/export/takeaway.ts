// Makes the file of each kind.

import { span } from "../../../shared/format";
import { words } from "../../../words";
import type { Palette } from "../scene";
import { mermaid } from "./mermaid";
import { drawAll, sizeOf } from "./png";
import type { PngOrder } from "./png.worker";
import type { Subject } from "./subject";
import { svg } from "./svg";

const w = words.topology.export;

/** An image that is not there by now will not come. */
const LATE_MS = 30_000;

export async function png(subject: Subject, colours: Palette): Promise<Blob> {
  if (typeof OffscreenCanvas === "undefined") return here(subject, colours);
  const worker = new Worker(new URL("./png.worker.ts", import.meta.url), { type: "module" });
  try {
    return await new Promise<Blob>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(w.lateImage(span(LATE_MS)))), LATE_MS);
      worker.onmessage = ({ data }: MessageEvent<Blob | string>) => {
        clearTimeout(late);
        if (typeof data === "string") reject(new Error(data));
        else resolve(data);
      };
      worker.onerror = () => reject(new Error(w.noImage));
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
  if (!ctx) throw new Error(w.noImage);
  drawAll(ctx, subject, colours);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(w.noImage)))));
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
