// Where a person looks at the world from. Screen = (world - at) * scale, in CSS pixels.

export interface Camera {
  x: number;
  y: number;
  scale: number;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Size {
  width: number;
  height: number;
  /** So much of its bottom lies under the tools, in CSS pixels. */
  foot?: number;
}

export const MIN_SCALE = 0.04;
export const MAX_SCALE = 2.5;
/** A small graph is not blown up beyond this when it is fitted. */
const MAX_FIT = 1.25;

/** Space around what is fitted, in CSS pixels: the lanes' heads above, the tools in one row below. */
export const MARGIN = { top: 66, right: 14, bottom: 58, left: 14 };

/** Space below what is fitted: the tools may need more than a row. */
export const below = (view: Size): number => Math.max(MARGIN.bottom, (view.foot ?? 0) + MARGIN.right);

export function fit(world: Box, view: Size): Camera {
  const [wide, high] = [Math.max(1, view.width - MARGIN.left - MARGIN.right), Math.max(1, view.height - MARGIN.top - below(view))];
  const scale = bounded(Math.min(wide / Math.max(1, world.width), high / Math.max(1, world.height), MAX_FIT));
  return {
    scale,
    x: world.x + world.width / 2 - (MARGIN.left + wide / 2) / scale,
    y: world.y + world.height / 2 - (MARGIN.top + high / 2) / scale,
  };
}

/** Zooms by `factor` and keeps the point under (px, py) where it is. */
export function zoom(camera: Camera, factor: number, px: number, py: number): Camera {
  const scale = bounded(camera.scale * factor);
  return { scale, x: camera.x + px / camera.scale - px / scale, y: camera.y + py / camera.scale - py / scale };
}

/** Looks at a point from near, without showing more emptiness beside the world than a fit would. */
export function around(x: number, y: number, scale: number, world: Box, view: Size): Camera {
  const along = (centre: number, start: number, size: number, seen: number, before: number, after: number): number => {
    const [low, high] = [start - before / scale, start + size + after / scale - seen / scale];
    return high < low ? start + size / 2 - seen / scale / 2 : Math.min(high, Math.max(low, centre - seen / scale / 2));
  };
  return {
    scale,
    x: along(x, world.x, world.width, view.width, MARGIN.left, MARGIN.right),
    y: along(y, world.y, world.height, view.height, MARGIN.top, below(view)),
  };
}

/** Moves as little as possible so that `box` is in view. */
export function reveal(camera: Camera, box: Box, view: Size): Camera {
  const pad = 40 / camera.scale;
  const along = (at: number, size: number, from: number, seen: number): number => {
    if (at - pad < from) return at - pad;
    if (at + size + pad > from + seen) return at + size + pad - seen;
    return from;
  };
  return {
    scale: camera.scale,
    x: along(box.x, box.width, camera.x, view.width / camera.scale),
    y: along(box.y, box.height, camera.y, view.height / camera.scale),
  };
}

/** A part of the way from one camera to another; zoom goes evenly to the eye. */
export function between(from: Camera, to: Camera, part: number): Camera {
  const scale = from.scale * (to.scale / from.scale) ** part;
  return { scale, x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

/** Keeps some of the world in view, however far it is dragged. */
export function tethered(camera: Camera, world: Box, view: Size): Camera {
  const [wide, high] = [view.width / camera.scale, view.height / camera.scale];
  return {
    scale: camera.scale,
    x: Math.min(world.x + world.width - wide * 0.15, Math.max(world.x - wide * 0.85, camera.x)),
    y: Math.min(world.y + world.height - high * 0.15, Math.max(world.y - high * 0.85, camera.y)),
  };
}

function bounded(scale: number): number {
  return Math.min(MAX_SCALE, Math.max(MIN_SCALE, scale));
}
