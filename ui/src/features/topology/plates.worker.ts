// Lays out and draws away from the page. A plate is a picture of a part of the world; the page only lays
// plates on the screen, so moving about is smooth however much there is to draw.

import { sans } from "../../shared/fonts";
import { drawWorld } from "./draw";
import { layout } from "./layout";
import type { FromPlates, PlateOrder, PlateReply, ToPlates } from "./plates";
import type { Palette, Scene, Status } from "./scene";

const letters = sans();
let scene: Scene | null = null;
let status: Status | null = null;
let colours: Palette | null = null;

onmessage = (event: MessageEvent<ToPlates>): void => {
  const message = event.data;
  if (message.kind === "scene") [scene, status] = [message.scene, message.status];
  else if (message.kind === "status") status = message.status;
  else if (message.kind === "colours") colours = message.colours;
  else if (message.kind === "layout") {
    const { nodes, aspect, previous } = message.order;
    postMessage({ nth: message.nth, layout: layout(nodes, aspect, previous) } satisfies FromPlates);
  } else void letters.then(() => draw(message.order));
};

/** One for all plates: of many, each would hold its megabytes until the collector comes by. */
let canvas: OffscreenCanvas | null = null;

function draw(order: PlateOrder): void {
  if (!scene || !status || !colours) return;
  canvas ??= new OffscreenCanvas(1, 1);
  canvas.width = Math.max(1, Math.round(order.part.width * order.scale * order.dpr));
  canvas.height = Math.max(1, Math.round(order.part.height * order.scale * order.dpr));
  const ctx = canvas.getContext("2d");
  if (!ctx) return;
  drawWorld(ctx, scene, status, order.part, order.scale, order.dpr, colours, null, order.shown);
  const bitmap = canvas.transferToImageBitmap();
  // What it is given instead is as large, and empty.
  canvas.width = canvas.height = 1;
  const reply: PlateReply = { order, bitmap };
  postMessage(reply, { transfer: [bitmap] });
}
