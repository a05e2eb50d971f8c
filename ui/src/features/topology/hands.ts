// What the pointer does to the picture: it drags, pinches, turns the wheel, points and clicks.

import { zoom } from "./camera";
import type { Picture } from "./picture";
import { hit } from "./walk";

/** A pointer that travels less, in pixels, meant a click. */
const DRAG_FROM = 4;

export interface Moves {
  /** The view was moved. */
  moved: () => void;
  /** What is under the pointer, by index; -1 for nothing. */
  hovers: (at: number) => void;
  clicks: (at: number) => void;
  drags: (begun: boolean) => void;
}

export class Hands {
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private travelled = 0;
  private hovered = -1;
  private dragging = false;
  private readonly sizes = new ResizeObserver(() => this.lost());

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly picture: Picture,
    private readonly tell: Moves,
  ) {
    const { canvas: on } = this;
    this.sizes.observe(on);
    addEventListener("resize", this.lost);
    on.addEventListener("pointerenter", this.lost);
    on.addEventListener("pointerdown", this.lost);
    on.addEventListener("pointerdown", this.down);
    on.addEventListener("pointermove", this.move);
    on.addEventListener("pointerup", this.up);
    on.addEventListener("pointercancel", this.up);
    on.addEventListener("pointerleave", () => this.hover(-1));
    // Not passive: the page must not scroll.
    on.addEventListener("wheel", this.wheel, { passive: false });
  }

  /** Where the canvas is; asking for it makes the page lay itself out, which a hand in motion would feel. */
  private box: DOMRect | null = null;

  private at(event: MouseEvent): { x: number; y: number } {
    const box = (this.box ??= this.canvas.getBoundingClientRect());
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** The canvas may be elsewhere now. */
  private readonly lost = (): void => {
    this.box = null;
  };

  close(): void {
    this.sizes.disconnect();
    removeEventListener("resize", this.lost);
  }

  private under(point: { x: number; y: number }): number {
    const { x, y } = this.picture.worldAt(point.x, point.y);
    return hit(this.picture.layout, x, y, 3 / this.picture.camera.scale);
  }

  private hover(next: number): void {
    if (next === this.hovered) return;
    this.hovered = next;
    this.tell.hovers(next);
  }

  private drag(begun: boolean): void {
    if (begun === this.dragging) return;
    this.dragging = begun;
    this.tell.drags(begun);
  }

  private readonly down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.at(event));
    this.travelled = 0;
  };

  private readonly move = (event: PointerEvent): void => {
    const now = this.at(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.hover(this.under(now));
      return;
    }
    this.travelled += Math.hypot(now.x - before.x, now.y - before.y);
    const { camera } = this.picture;
    if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1] ?? now;
      const [was, is] = [Math.hypot(before.x - other.x, before.y - other.y), Math.hypot(now.x - other.x, now.y - other.y)];
      if (was > 0) this.picture.move(zoom(camera, is / was, (now.x + other.x) / 2, (now.y + other.y) / 2));
    } else if (this.travelled > DRAG_FROM) {
      this.drag(true);
      this.picture.move({ scale: camera.scale, x: camera.x - (now.x - before.x) / camera.scale, y: camera.y - (now.y - before.y) / camera.scale });
    }
    this.pointers.set(event.pointerId, now);
    this.tell.moved();
  };

  private readonly up = (event: PointerEvent): void => {
    const had = this.pointers.delete(event.pointerId);
    if (this.pointers.size > 0) return;
    this.drag(false);
    if (had && event.type === "pointerup" && this.travelled <= DRAG_FROM) this.tell.clicks(this.under(this.at(event)));
  };

  private readonly wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const { x, y } = this.at(event);
    // A pinch arrives as a wheel with Ctrl, in finer steps.
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.picture.zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), x, y);
    this.tell.moved();
  };
}
