// The shapes and tones a thing can be marked with. Each mark is told apart by its shape alone; the tone
// only helps. Paths are on a 16 by 16 field, filled even-odd, for SVG and canvas alike.

export const TONES = ["good", "warn", "bad", "busy", "held", "calm"] as const;
export type Tone = (typeof TONES)[number];

export const SHAPES = {
  /** A filled disc with a tick. */
  check: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.7 5.3-4.4 4.9a.9.9 0 0 1-1.3 0L4.3 9.400a.85.85 0 0 1 1.2-1.2l1.150 1.150 3.800-4.200a.85.85 0 0 1 1.250 1.150Z",
  /** A ring. */
  ring: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 2.2a4.8 4.8 0 1 1 0 9.600A4.800 4.800 0 0 1 8 3.200Z",
  /** A ring around a dot. */
  target: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 2a5 5 0 1 1 0 10A5 5 0 0 1 8 3Zm0 2.600a2.400 2.400 0 1 0 0 4.800A2.400 2.400 0 0 0 8 5.600Z",
  /** A ring, its right half filled. */
  half: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 2v10A5 5 0 0 1 8 3Z",
  /** Three dots. */
  dots: "M3 6.200a1.800 1.800 0 1 0 0 3.600 1.800 1.800 0 0 0 0-3.600Zm5 0a1.800 1.800 0 1 0 0 3.600 1.800 1.800 0 0 0 0-3.600Zm5 0a1.800 1.800 0 1 0 0 3.600 1.800 1.800 0 0 0 0-3.600Z",
  /** A triangle with an exclamation mark. */
  triangle: "M9 1.700a1.150 1.150 0 0 0-2 0L.65 12.900A1.150 1.150 0 0 0 1.650 14.600h12.700a1.150 1.150 0 0 0 1-1.700L9 1.700ZM7.100 5.400h1.800v4.200H7.100V5.400Zm0 5.400h1.800v1.800H7.100v-1.800Z",
  /** An octagon with a cross. */
  cross: "M5.100 1h5.800L15 5.100v5.800L10.900 15H5.100L1 10.900V5.100L5.100 1Zm.5 3.350L4.350 5.600 6.750 8l-2.400 2.400 1.250 1.250L8 9.250l2.400 2.400 1.250-1.250L9.250 8l2.400-2.400-1.250-1.250L8 6.750 5.600 4.350Z",
  /** A turning arrow. */
  turn: "M8 2.600a5.400 5.400 0 0 1 3.900 1.650L10 6.150h5V1.200l-1.700 1.700A7.300 7.300 0 1 0 15.100 9.500h-2A5.400 5.400 0 1 1 8 2.600Z",
  /** A square with a bar through it. */
  barred: "M3.200 1.200h9.600a2 2 0 0 1 2 2v9.600a2 2 0 0 1-2 2H3.200a2 2 0 0 1-2-2V3.200a2 2 0 0 1 2-2Zm.6 5.600v2.400h8.400V6.800H3.800Z",
  /** An open square. */
  square: "M3.400 2h9.200A1.400 1.400 0 0 1 14 3.400v9.200a1.400 1.400 0 0 1-1.400 1.400H3.400A1.400 1.400 0 0 1 2 12.600V3.400A1.400 1.400 0 0 1 3.400 2Zm.6 2v8h8V4H4Z",
  /** An arrow down to a line. */
  down: "M7 1.500h2v6.100l2.400-2.400 1.400 1.400L8 11.400 3.200 6.600l1.400-1.400L7 7.600V1.500ZM2.500 12.800h11v1.900h-11v-1.900Z",
  /** A bare tick. */
  tick: "M13.900 3.300 6.300 12.600a1 1 0 0 1-1.500.1L1.600 9.500 3 8.100l2.450 2.450 6.900-8.500 1.550 1.250Z",
  /** A ring with the hands of a clock. */
  clock: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 2a5 5 0 1 1 0 10A5 5 0 0 1 8 3Zm-.9 1.500h1.800v3.200l2.300 1.700-1.050 1.450-3.050-2.250V4.500Z",
  /** A diamond. */
  diamond: "M8 .8 15.200 8 8 15.200.8 8 8 .8Z",
} as const;

export type Shape = keyof typeof SHAPES;
