// Entries of the ledger as rows, newest first. Their texts are what is hashed and are shown as they are.

import type { LedgerEntries } from "../../ipc/generated";

export interface Row {
  n: number;
  /** "admitted", "ended", "done", "begun"; empty for what is no entry. */
  kind: string;
  /** The number of its act. */
  act: number | null;
  /** In milliseconds since 1970; an outcome has no time of its own. */
  at: number | null;
  text: string;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

export function rows({ first, text }: LedgerEntries): Row[] {
  const lines = text.split("\n");
  lines.pop();
  const all = lines.map((line, nth): Row => {
    let entry: unknown;
    try {
      entry = JSON.parse(line);
    } catch {
      entry = null;
    }
    const number = (name: string): number | null => {
      const value = field(entry, name);
      return typeof value === "number" ? value : null;
    };
    const kind = field(entry, "entry");
    return { n: first + nth, kind: typeof kind === "string" ? kind : "", act: number("id") ?? number("act"), at: number("at"), text: line };
  });
  return all.reverse();
}
