// Output of a simulated service: line number n is always the same text, so pages and streams agree.

import type { InstanceId, LogLevel, LogLine } from "../../ipc/generated";
import { random, seedOf } from "./random";

/** Every line is taken to be so many bytes long. */
export const LINE_BYTES = 120;

const DIM = "\u001b[2m";
const GREEN = "\u001b[32m";
const YELLOW = "\u001b[33m";
const RED = "\u001b[1;31m";
const CYAN = "\u001b[36m";
const OFF = "\u001b[0m";

/** The line that begins at `offset`. */
export function lineAt(instance: InstanceId, offset: number, at: number): LogLine {
  const number = Math.floor(offset / LINE_BYTES);
  const chance = random(seedOf(instance) + number);
  const roll = chance();
  const ms = (chance() * 12 + 0.4).toFixed(1);
  const path = ["/health", "/v1/items", "/v1/items/42", "/metrics", "/v1/search?q=lamp"][Math.floor(chance() * 5)] ?? "/";
  const structured = roll > 0.975;
  let text: string;
  if (number === 0) text = `listening on 127.0.0.1, ready to serve`;
  else if (roll < 0.02) text = `${RED}ERROR${OFF} upstream closed the connection before it answered ${DIM}attempt=1 after=${ms}ms${OFF}`;
  else if (roll < 0.07) text = `${YELLOW} WARN${OFF} slow answer from ${CYAN}db${OFF} ${DIM}took=${(Number(ms) * 40).toFixed(0)}ms budget=250ms${OFF}`;
  else if (roll < 0.15) text = `${DIM}DEBUG${OFF} pool: 4 idle, 2 busy, 0 waiting`;
  else if (structured) text = JSON.stringify({ time: new Date(at).toISOString(), msg: "request", method: "GET", path, status: 200, took_ms: Number(ms), user: { id: number % 97, plan: "team" } });
  else text = `${GREEN} INFO${OFF} GET ${path} ${roll > 0.96 ? `${YELLOW}304${OFF}` : `${GREEN}200${OFF}`} ${DIM}${ms}ms id=${Math.floor(chance() * 1e9).toString(16)}${OFF}`;
  const level: LogLevel = roll < 0.02 ? "error" : roll < 0.07 ? "warn" : roll < 0.15 ? "debug" : "info";
  return { offset, end: offset + LINE_BYTES, at: Math.floor(at / 1_000) * 1_000, instance, text, ...(number === 0 || structured ? {} : { level }) };
}
