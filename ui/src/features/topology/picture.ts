// The picture of a graph on a canvas: where it is looked at from, what lies on the screen, and the one
// frame at a time that shows it. Everything here changes too often for the framework; `wake` asks
// for a frame, and nothing is drawn while nothing changes.

import { around, below, between, fit, MARGIN, reveal, tethered, zoom, type Box, type Camera, type Size } from "./camera";
import { drawLinesOf, drawNode, drawWorld, inside, lifted } from "./draw";
import { drawHeads, drawNames } from "./heads";
import { EMPTY, NODE_HEIGHT, type Layout } from "./layout";
import { forgetMeasures } from "./measures";
import { Plates, type LayoutOrder } from "./plates";
import { blankStatus, type Palette, type Scene, type Status } from "./scene";

/** A plate reaches this far beyond the view on each side, as a share of it. */
const BEYOND = 0.25;
/** The plate of the whole world is this long at most, in pixels, and drawn anew this seldom. */
const COARSE_PIXELS = 1_100;
const COARSE_EVERY_MS = 2_000;
/** So long after the last move the view is at rest. */
const REST_MS = 90;
/** While it moves, a plate is good enough until it is this much larger or smaller than the view, or this old. */
const NEAR_ENOUGH = 1.3;
const FRESH_MS = 400;
const GLIDE_MS = 220;
/** From this zoom names can be read in full. */
const READABLE = 0.5;
/** How near a service is looked at when the page begins with it. */
const NEAR = 0.75;

/** So many services are drawn again in the page when one of them is marked; more would be felt. */
const MAX_REDRAWN = 200;

/** Which services are marked, by index; -1 for none. */
export interface Marked {
  chosen: number;
  hovered: number;
  /** Under the keyboard, while the graph has the focus. */
  focused: number;
}

export class Picture {
  camera: Camera = { x: 0, y: 0, scale: 1 };
  marked: Marked = { chosen: -1, hovered: -1, focused: -1 };
  status: Status = blankStatus(0);
  /** A person chose where to look from; it is theirs until they ask for all. */
  moved = false;
  private scene: Scene = { layout: EMPTY, seen: new Int32Array(0) };
  private view: Size = { width: 0, height: 0 };
  private colours: Palette | null = null;
  /** The camera was set for a real size at least once. */
  private placed = false;
  /** Counts what is drawn, so that a plate of something older is known to be stale. */
  private version = 0;
  private asked: { camera: Camera; version: number; view: Size; shown: number } | null = null;
  private raf = 0;
  private glide: { from: Camera; to: Camera; start: number } | null = null;
  private movedAt = -Infinity;
  private askedAt = -Infinity;
  private restTimer: ReturnType<typeof setTimeout> | undefined;
  private coarseTimer: ReturnType<typeof setTimeout> | undefined;
  /** When the first sharp picture of this graph lay on the screen, by the page's clock. */
  drawn: number | null = null;
  private readonly plates = new Plates(() => this.wake());
  private readonly still = matchMedia("(prefers-reduced-motion: reduce)");

  private readonly watchers = new Set<() => void>();

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly onscale: () => void,
  ) {
    // The first heads may be measured before their letters are there.
    void document.fonts.ready.then(() => {
      forgetMeasures();
      this.wake();
    });
  }

  /** Calls `watcher` whenever the view has moved. Returns how to stop. */
  watch(watcher: () => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  /** The part of the world that is in view. */
  get seen(): Box {
    const { camera, view } = this;
    return { x: camera.x, y: camera.y, width: view.width / camera.scale, height: view.height / camera.scale };
  }

  /** A person moves the view by a share of itself. */
  pan(across: number, down: number): void {
    const { x, y, width, height } = this.seen;
    this.move({ scale: this.camera.scale, x: x + width * across, y: y + height * down });
  }

  /** A person looks at another point of the world. */
  lookAt(x: number, y: number): void {
    const { width, height } = this.seen;
    this.move({ scale: this.camera.scale, x: x - width / 2, y: y - height / 2 });
  }

  close(): void {
    cancelAnimationFrame(this.raf);
    clearTimeout(this.coarseTimer);
    clearTimeout(this.restTimer);
    this.plates.close();
  }

  wake(): void {
    if (this.raf === 0) this.raf = requestAnimationFrame(() => this.paint());
  }

  // === what is shown ===

  setColours(colours: Palette): void {
    this.colours = colours;
    this.plates.send({ kind: "colours", colours });
    this.stale();
  }

  /** Lays out a graph, away from the page where that can be. */
  layOut(order: LayoutOrder, done: (made: Layout) => void): void {
    this.plates.layOut(order, done);
  }

  /**
   * Another graph, or the same one changed (`same`): then what is on the screen stays until it is drawn anew. `kept` is
   * where it was looked at from before, if a person chose that.
   */
  setScene(scene: Scene, status: Status, kept: Camera | null, same: boolean): void {
    const goesOn = same && this.scene.layout.ids.length > 0;
    this.scene = scene;
    this.status = status;
    this.marked = { ...this.marked, hovered: -1, focused: -1 };
    if (!goesOn) {
      this.plates.drop();
      this.drawn = null;
    }
    this.plates.send({ kind: "scene", scene, status });
    this.moved = kept !== null;
    if (kept) this.look(kept);
    else if (!goesOn) this.placed = false;
    if (goesOn && !this.moved && this.marked.chosen < 0) this.glideTo(fit(this.world, this.view));
    else this.place();
    this.askCoarse();
    this.stale();
  }

  setStatus(status: Status): void {
    this.status = status;
    this.plates.send({ kind: "status", status });
    this.coarseTimer ??= setTimeout(() => this.askCoarse(), COARSE_EVERY_MS);
    this.stale();
  }

  /** The view has another size. */
  resize(view: Size): void {
    this.view = view;
    const [wide, high] = [Math.round(view.width * dpr()), Math.round(view.height * dpr())];
    // Set to what it is, it would be empty until it is drawn anew.
    if (this.canvas.width !== wide) this.canvas.width = wide;
    if (this.canvas.height !== high) this.canvas.height = high;
    this.place();
    this.wake();
  }

  choose(at: number): void {
    this.marked.chosen = at;
    if (at >= 0 && this.placed) this.show(at);
    this.wake();
  }

  // === the camera ===

  /** A person moves the view. */
  move(next: Camera): void {
    this.glide = null;
    this.moved = true;
    this.look(tethered(next, this.world, this.view));
  }

  zoomBy(factor: number, x = this.view.width / 2, y = this.view.height / 2): void {
    this.move(zoom(this.camera, factor, x, y));
  }

  fitAll(): void {
    this.moved = false;
    this.glideTo(fit(this.world, this.view));
  }

  /** Brings a service into view. */
  show(at: number): void {
    if (this.view.width === 0) return;
    const head = MARGIN.top / this.camera.scale;
    const { layout } = this.scene;
    const next = reveal(this.camera, { x: layout.x[at] ?? 0, y: (layout.y[at] ?? 0) - head, width: layout.nodeWidth, height: NODE_HEIGHT + head }, this.view);
    if (next.x !== this.camera.x || next.y !== this.camera.y) this.glideTo(next);
  }

  /** A point of the view in the world. */
  worldAt(x: number, y: number): { x: number; y: number } {
    return { x: this.camera.x + x / this.camera.scale, y: this.camera.y + y / this.camera.scale };
  }

  get layout(): Layout {
    return this.scene.layout;
  }

  get world(): Box {
    const { width, height } = this.scene.layout;
    return { x: 0, y: -height, width, height };
  }

  /** Looks at all, unless a person chose otherwise or a panel leaves too little room to read it. */
  private place(): void {
    if (this.view.width === 0 || this.world.width === 0) return;
    const { chosen } = this.marked;
    const all = fit(this.world, this.view);
    if (!this.moved && (chosen < 0 || all.scale >= READABLE)) this.look(all);
    else if (this.placed) {
      if (chosen >= 0) this.show(chosen);
    } else {
      const { layout } = this.scene;
      this.look(around((layout.x[chosen] ?? 0) + layout.nodeWidth / 2, (layout.y[chosen] ?? 0) + NODE_HEIGHT / 2, Math.max(all.scale, NEAR), this.world, this.view));
    }
  }

  private look(next: Camera): void {
    const zoomed = Math.abs(this.camera.scale - next.scale) > 1e-6;
    this.camera = next;
    this.movedAt = performance.now();
    this.placed = this.view.width > 0;
    if (zoomed) this.onscale();
    for (const watcher of this.watchers) watcher();
    this.wake();
  }

  private glideTo(next: Camera): void {
    if (this.still.matches) this.look(next);
    else this.glide = { from: this.camera, to: next, start: performance.now() };
    this.wake();
  }

  // === drawing ===

  private stale(): void {
    this.version += 1;
    this.wake();
  }

  private askCoarse(): void {
    this.coarseTimer = undefined;
    const { x, y, width, height } = this.world;
    if (width === 0) return;
    this.plates.ask({
      part: { x: x - 20, y: y - 20, width: width + 40, height: height + 40 },
      scale: Math.min(1, COARSE_PIXELS / Math.max(width, height)),
      dpr: 1,
      version: this.version,
      shown: -1,
      coarse: true,
    });
  }

  private askSharp(): void {
    const { camera, view, version, asked } = this;
    const shown = this.marked.chosen;
    const near = (a: number, b: number, size: number): boolean => Math.abs(a - b) * camera.scale < size * BEYOND * 0.5;
    if (
      asked?.version === version && asked.shown === shown && asked.view === view && asked.camera.scale === camera.scale &&
      near(asked.camera.x, camera.x, view.width) && near(asked.camera.y, camera.y, view.height)
    ) return;
    if (this.goodEnough()) {
      // Drawing it is work for the same processors that move it.
      this.wakeAtRest();
      return;
    }
    this.asked = { camera, version, view, shown };
    this.askedAt = performance.now();
    const [wide, high] = [view.width / camera.scale, view.height / camera.scale];
    this.plates.ask({
      part: { x: camera.x - wide * BEYOND, y: camera.y - high * BEYOND, width: wide * (1 + 2 * BEYOND), height: high * (1 + 2 * BEYOND) },
      scale: camera.scale,
      dpr: dpr(),
      version,
      shown,
      coarse: false,
    });
  }

  private get moving(): boolean {
    return performance.now() - this.movedAt <= REST_MS;
  }

  private wakeAtRest(): void {
    this.restTimer ??= setTimeout(() => {
      this.restTimer = undefined;
      this.wake();
    }, REST_MS);
  }

  /** The view moves, and what is there of it can still be looked at. */
  private goodEnough(): boolean {
    const plate = this.plates.sharp;
    const now = performance.now();
    // The same, only elsewhere: it is asked for before the edge of the plate is reached.
    if (this.asked?.version === this.version && this.asked.camera.scale === this.camera.scale) return false;
    if (plate?.order.shown !== this.marked.chosen || !this.moving || now - this.askedAt > FRESH_MS) return false;
    const zoomed = plate.order.scale / this.camera.scale;
    return zoomed < NEAR_ENOUGH && zoomed > 1 / NEAR_ENOUGH && this.covered();
  }

  private paint(): void {
    this.raf = 0;
    if (this.glide) {
      const part = Math.min(1, (performance.now() - this.glide.start) / GLIDE_MS);
      this.look(between(this.glide.from, this.glide.to, 1 - (1 - part) ** 3));
      if (part === 1) this.glide = null;
    }
    const ctx = this.canvas.getContext("2d", { alpha: false });
    const { colours, view, camera } = this;
    if (!ctx || !colours || view.width === 0) return;
    const ratio = dpr();
    if (this.plates.usable) this.layPlates(ctx, ratio, colours);
    else drawWorld(ctx, this.scene, this.status, this.seen, camera.scale, ratio, colours, colours["bg"], this.marked.chosen);
    this.drawOver(ctx, ratio, colours);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawNames(ctx, this.scene, this.status, camera, view.height - below(view), colours);
    drawHeads(ctx, this.scene, this.status, camera, view.width, colours);
    if (this.world.width > 0 && (this.plates.sharp || !this.plates.usable)) this.drawn ??= performance.now();
  }

  private layPlates(ctx: CanvasRenderingContext2D, ratio: number, colours: Palette): void {
    const { camera } = this;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.fillStyle = colours["bg"];
    ctx.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.askSharp();
    // Without a graphics card smooth enlargement costs more than a frame has, and it is gone when the hand rests.
    ctx.imageSmoothingEnabled = false;
    for (const plate of [this.covered() ? null : this.plates.coarse, this.plates.sharp]) {
      if (!plate) continue;
      const { part, scale } = plate.order;
      const exact = Math.abs(scale - camera.scale) < 1e-9;
      const [x, y] = [(part.x - camera.x) * camera.scale * ratio, (part.y - camera.y) * camera.scale * ratio];
      if (exact) ctx.drawImage(plate.bitmap, Math.round(x), Math.round(y));
      else ctx.drawImage(plate.bitmap, x, y, part.width * camera.scale * ratio, part.height * camera.scale * ratio);
    }
  }

  /** The sharp plate reaches over all of the view, so nothing is needed under it. */
  private covered(): boolean {
    const part = this.plates.sharp?.order.part;
    if (!part) return false;
    const { x, y, scale } = this.camera;
    return part.x <= x && part.y <= y && part.x + part.width >= x + this.view.width / scale && part.y + part.height >= y + this.view.height / scale;
  }

  /**
   * What is marked. Plates bear the lines of the service that is chosen; those of the one that is pointed at are drawn
   * here, and only while the view is at rest: a hand that moves the view does not point.
   */
  private drawOver(ctx: CanvasRenderingContext2D, ratio: number, colours: Palette): void {
    const { camera, scene, marked } = this;
    const { layout } = scene;
    ctx.setTransform(camera.scale * ratio, 0, 0, camera.scale * ratio, -camera.x * camera.scale * ratio, -camera.y * camera.scale * ratio);
    const shown = marked.hovered >= 0 ? marked.hovered : marked.chosen;
    const borne = shown === marked.chosen && (!this.plates.usable || (this.plates.sharp?.order.shown === shown && this.covered()));
    if (shown >= 0 && !borne && this.moving) this.wakeAtRest();
    else if (shown >= 0 && !borne) {
      const near = drawLinesOf(ctx, scene, shown, camera.scale, colours);
      // The lines run behind the services, as all lines do.
      const part = this.seen;
      const redrawn = layout.ids.flatMap((_id, at) => (!near.has(at) && inside(layout, at, part) ? [at] : []));
      if (redrawn.length <= MAX_REDRAWN) for (const at of redrawn) drawNode(ctx, scene, this.status, at, camera.scale, colours);
      const nearer = lifted(this.status);
      for (const at of near) drawNode(ctx, scene, nearer, at, camera.scale, colours);
    }
    for (const [at, wide, colour] of [[marked.chosen, 2.5, colours["accent"]], [marked.focused, 1.5, colours["focus"]]] as const) {
      if (at < 0) continue;
      const gap = 3 / camera.scale;
      ctx.beginPath();
      ctx.roundRect((layout.x[at] ?? 0) - gap, (layout.y[at] ?? 0) - gap, layout.nodeWidth + 2 * gap, NODE_HEIGHT + 2 * gap, 8 + gap);
      ctx.lineWidth = wide / camera.scale;
      ctx.strokeStyle = colour;
      ctx.stroke();
    }
  }
}

/** Device pixels per CSS pixel; beyond two nobody sees the difference and software rendering pays for it. */
function dpr(): number {
  return Math.min(2, devicePixelRatio || 1);
}
