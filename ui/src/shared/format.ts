// Numbers and times as people read them, each with its unit. Units are the same in every language.

import { words } from "../words";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** So young is now. */
const NOW = 5_000;
const COARSE = [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"], [1_000, "s"]] as const;

/** A span: "840 ms", "2.4 s", "3 min 20 s", "2 h 5 min", "4 d 3 h". */
export function span(ms: number): string {
  const value = Math.max(0, ms);
  if (value < 1_000) return `${Math.round(value)} ms`;
  if (value < 10_000) return `${(value / 1_000).toFixed(1)} s`;
  if (value < MINUTE) return `${Math.round(value / 1_000)} s`;
  if (value < HOUR) return two(value, MINUTE, "min", 1_000, "s");
  if (value < DAY) return two(value, HOUR, "h", MINUTE, "min");
  return two(value, DAY, "d", HOUR, "h");
}

function two(value: number, large: number, largeUnit: string, small: number, smallUnit: string): string {
  const whole = Math.floor(value / large);
  const rest = Math.floor((value - whole * large) / small);
  return rest === 0 ? `${whole} ${largeUnit}` : `${whole} ${largeUnit} ${rest} ${smallUnit}`;
}

/** How long ago, coarsely, so that it seldom changes: "now", "12 s ago", "3 min ago", "2 h ago", "5 d ago". */
export function ago(at: number, now: number): string {
  const age = now - at;
  return age < NOW ? words.shared.justNow : words.shared.ago(coarse(age));
}

/** The same without "ago", for columns that say so in their head. */
export function age(at: number, now: number): string {
  return now - at < NOW ? words.shared.now : coarse(now - at);
}

/** A span by its largest unit. */
function coarse(ms: number): string {
  const [size, unit] = COARSE.find(([least]) => ms >= least) ?? COARSE[3];
  return `${Math.floor(ms / size)} ${unit}`;
}

const exactFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** Date and time to the second. */
export function exact(at: number): string {
  return exactFormat.format(at);
}

/** Time of day to the second. */
export function clock(at: number): string {
  return clockFormat.format(at);
}

const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const minuteFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** A time to come, to the minute: "14:30", or "Mon, Nov 30, 14:30" where that is another day. */
export function moment(at: number, now: number): string {
  const same = new Date(at).toDateString() === new Date(now).toDateString();
  return same ? minuteFormat.format(at) : `${dayFormat.format(at)}, ${minuteFormat.format(at)}`;
}

const weekdayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const dateFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** The same where there is little room: "14:30", "Mon 14:30", or "Dec 24" where a weekday would not tell which day. */
export function shortly(at: number, now: number): string {
  if (new Date(at).toDateString() === new Date(now).toDateString()) return minuteFormat.format(at);
  return at - now < 6 * DAY ? `${weekdayFormat.format(at)} ${minuteFormat.format(at)}` : dateFormat.format(at);
}

/** "640 kB", "42 MB", "1.4 GB": powers of 1,000, as disks and RAM meters of today say them. */
export function bytes(count: number): string {
  if (count < 1_000) return `${count} B`;
  let value = count;
  for (const unit of ["kB", "MB", "GB", "TB"]) {
    value /= 1_000;
    if (value < 999.5 || unit === "TB") return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
  }
  return `${count} B`;
}

/** CPU as a share of one core: "0.4 %", "38 %", "2.3 cores". */
export function cpu(share: number): string {
  if (share >= 0.995) return `${share.toFixed(1)} ${words.shared.cores}`;
  const percent = share * 100;
  return `${percent < 9.95 ? percent.toFixed(1) : Math.round(percent)} %`;
}

/** A latency in milliseconds: "0.42 ms", "12 ms", "1.3 s". */
export function latency(ms: number): string {
  if (ms === 0) return "0 ms";
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** How often: "0/s", "0.3/s", "12/s", "3400/s", "14.2k/s". */
export function rate(perSecond: number): string {
  if (perSecond === 0) return "0/s";
  if (perSecond < 0.1) return "<0.1/s";
  if (perSecond < 9.95) return `${perSecond.toFixed(1)}/s`;
  return perSecond < 9_999.5 ? `${Math.round(perSecond)}/s` : `${(perSecond / 1_000).toFixed(1)}k/s`;
}

/** A share of a whole: "100 %", "99.98 %", "0.4 %". What is not all is never shown as all, and what is not nothing never as nothing. */
export function share(part: number): string {
  const percent = part * 100;
  if (percent === 0 || percent >= 100) return `${Math.round(percent)} %`;
  if (percent < 0.1) return "<0.1 %";
  if (percent < 10) return `${percent.toFixed(1)} %`;
  return percent < 99 ? `${Math.round(percent)} %` : `${Math.min(99.99, percent).toFixed(2)} %`;
}

/** A share of time that something served: "93.7 %", "99.98 %", "100 %". What was not always is never shown as always. */
export function available(part: number): string {
  const percent = part * 100;
  if (percent >= 100) return "100 %";
  return percent < 99 ? `${percent.toFixed(1)} %` : `${Math.min(99.99, percent).toFixed(2)} %`;
}

const MS_UNITS = [[1_000, "s"], [1, "ms"]] as const;
const BYTE_UNITS = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]] as const;
const CPU_UNITS = [[1, words.shared.cores], [0.01, "%"]] as const;
export const UNITS = { latency: MS_UNITS, bytes: BYTE_UNITS, cpu: CPU_UNITS };

/** The numbers along an axis, all in the unit of the largest and with as many decimals as tell them apart. */
export function along(values: readonly number[], units: readonly (readonly [number, string])[]): string[] {
  const most = Math.max(0, ...values.map(Math.abs));
  const [size, unit] = units.find(([least]) => most >= least) ?? units.at(-1) ?? [1, ""];
  const step = values.length > 1 ? Math.abs((values[1] ?? 0) - (values[0] ?? 0)) / size : most / size;
  const decimals = step === 0 ? 0 : Math.min(3, Math.max(0, [0, 1, 2, 3].find((n) => Math.abs(step * 10 ** n - Math.round(step * 10 ** n)) < 1e-6) ?? 3));
  return values.map((value) => `${(value / size).toFixed(decimals)} ${unit}`);
}
