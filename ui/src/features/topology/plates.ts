// The page's side of the worker that lays out and draws. Where a worker cannot draw (no OffscreenCanvas, or
// the worker does not start), `usable` is false and the page does both for itself.

import type { Box } from "./camera";
import { layout, type GraphNode, type Layout } from "./layout";
import type { Palette, Scene, Status } from "./scene";

export interface PlateOrder {
  /** Of the world. */
  part: Box;
  scale: number;
  dpr: number;
  /** Counts what is drawn; a plate of an older one is stale. */
  version: number;
  /** Whose lines stand out, by index; -1 for none. */
  shown: number;
  /** The whole world, coarse, to lie under the sharp one. */
  coarse: boolean;
}

export interface PlateReply {
  order: PlateOrder;
  bitmap: ImageBitmap;
}

/** A graph to be laid out; of several, only what came of the last one is wanted. */
export interface LayoutOrder {
  nodes: readonly GraphNode[];
  aspect: number;
  previous: Layout | undefined;
}

export type FromPlates = PlateReply | { nth: number; layout: Layout };

export type ToPlates =
  | { kind: "layout"; nth: number; order: LayoutOrder }
  | { kind: "scene"; scene: Scene; status: Status }
  | { kind: "status"; status: Status }
  | { kind: "colours"; colours: Palette }
  | { kind: "draw"; order: PlateOrder };

/** A worker that has not answered its first order by now is taken for dead. */
const DEAD_MS = 3_000;

export class Plates {
  sharp: PlateReply | null = null;
  coarse: PlateReply | null = null;
  usable = false;
  private worker: Worker | null = null;
  private busy = false;
  /** What is drawn now is no longer wanted. */
  private skip = false;
  private wanted: { sharp: PlateOrder | null; coarse: PlateOrder | null } = { sharp: null, coarse: null };
  private timer: ReturnType<typeof setTimeout> | undefined;
  private laying: { nth: number; order: LayoutOrder; done: (made: Layout) => void } | null = null;
  private layouts = 0;
  private answered = false;

  constructor(private readonly onplate: () => void) {
    if (typeof OffscreenCanvas === "undefined" || typeof Worker === "undefined") return;
    try {
      this.worker = new Worker(new URL("./plates.worker.ts", import.meta.url), { type: "module" });
    } catch {
      return;
    }
    this.usable = true;
    this.worker.onmessage = (event: MessageEvent<FromPlates>) => {
      if ("layout" in event.data) this.laid(event.data.nth, event.data.layout);
      else this.take(event.data);
    };
    this.worker.onerror = () => this.giveUp();
  }

  /** Lays out a graph. An earlier one that is still being laid out is forgotten. */
  layOut(order: LayoutOrder, done: (made: Layout) => void): void {
    this.laying = { nth: (this.layouts += 1), order, done };
    if (!this.worker) {
      this.laid(this.layouts, layout(order.nodes, order.aspect, order.previous));
      return;
    }
    if (!this.answered) this.timer ??= setTimeout(() => this.giveUp(), DEAD_MS);
    this.worker.postMessage({ kind: "layout", nth: this.layouts, order } satisfies ToPlates);
  }

  private laid(nth: number, made: Layout): void {
    this.alive();
    if (this.laying?.nth !== nth) return;
    const { done } = this.laying;
    this.laying = null;
    done(made);
  }

  private alive(): void {
    this.answered = true;
    clearTimeout(this.timer);
  }

  send(message: Exclude<ToPlates, { kind: "draw" | "layout" }>): void {
    this.worker?.postMessage(message);
  }

  /** Asks for a plate; of several asked for while one is drawn, only the newest of its kind is drawn. */
  ask(order: PlateOrder): void {
    if (!this.usable) return;
    this.wanted[order.coarse ? "coarse" : "sharp"] = order;
    this.next();
  }

  /** Forgets the pictures: they are of another graph. One that is still being drawn is let pass. */
  drop(): void {
    this.skip = this.busy;
    this.wanted = { sharp: null, coarse: null };
    this.sharp?.bitmap.close();
    this.coarse?.bitmap.close();
    this.sharp = this.coarse = null;
  }

  close(): void {
    clearTimeout(this.timer);
    this.worker?.terminate();
    this.worker = null;
    this.usable = false;
    this.laying = null;
    this.drop();
  }

  private next(): void {
    if (this.busy || !this.worker) return;
    const order = this.wanted.sharp ?? this.wanted.coarse;
    if (!order) return;
    this.wanted[order.coarse ? "coarse" : "sharp"] = null;
    this.busy = true;
    if (!this.answered) this.timer ??= setTimeout(() => this.giveUp(), DEAD_MS);
    this.worker.postMessage({ kind: "draw", order } satisfies ToPlates);
  }

  private take(reply: PlateReply): void {
    this.alive();
    this.busy = false;
    if (this.skip) {
      this.skip = false;
      reply.bitmap.close();
      this.next();
      return;
    }
    const kind = reply.order.coarse ? "coarse" : "sharp";
    this[kind]?.bitmap.close();
    this[kind] = reply;
    this.onplate();
    this.next();
  }

  private giveUp(): void {
    const { laying } = this;
    this.close();
    if (laying) this.layOut(laying.order, laying.done);
    this.onplate();
  }
}
