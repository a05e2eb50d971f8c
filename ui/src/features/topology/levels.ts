// From which zoom on what is drawn.

/**
 * From this width of a service on screen it gets its name, in CSS pixels. In less only the beginnings of names fit, which
 * services of one lane often share: then states are shown, and the name of what is at the root of trouble.
 */
export const NAMED = 76;
/** So many lines between impacted services can still be followed. */
export const MANY = 16;
/** Farther out than this a service is a chip and a line a hair. */
export const FAR = 0.3;
/** From this zoom it gets its second line. */
export const DETAILED = 0.7;
/** From this zoom it gets its curve. */
export const CURVED = 0.85;

/** Corners of lines are rounded by so much, in world units; far out nobody would see it. */
export function radiusAt(scale: number): number {
  return scale < FAR ? 0 : 9;
}
