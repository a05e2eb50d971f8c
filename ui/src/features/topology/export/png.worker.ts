// Draws the image away from the page, once.

import { sans } from "../../../shared/fonts";
import { words } from "../../../words";
import type { Palette } from "../scene";
import { drawAll, sizeOf } from "./png";
import type { Subject } from "./subject";

export interface PngOrder {
  subject: Subject;
  colours: Palette;
}

onmessage = ({ data: { subject, colours } }: MessageEvent<PngOrder>): void => {
  void (async () => {
    await sans();
    const { width, height } = sizeOf(subject.scene.layout.width, subject.scene.layout.height);
    const canvas = new OffscreenCanvas(width, height);
    const ctx = canvas.getContext("2d");
    if (!ctx) throw new Error(words.topology.export.noImage);
    drawAll(ctx, subject, colours);
    postMessage(await canvas.convertToBlob({ type: "image/png" }));
  })().catch((error: unknown) => postMessage(error instanceof Error ? error.message : String(error)));
};
