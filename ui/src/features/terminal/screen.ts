// A terminal on the page: xterm.js, with whatever reaches beyond the screen switched off. The engine has
// left such sequences out before; this holds should one come through.

import { FitAddon } from "@xterm/addon-fit";
import { Terminal, type ITheme } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import type { TerminalSize } from "../../ipc/generated";
import { token } from "../../shared/theme.svelte";
import "./style";

/** Lines that are kept above the screen. */
const SCROLLBACK = 5_000;
/** So much may wait to be drawn, in characters; what comes on top is left out and counted. */
export const WAITING = 2_000_000;
/** Titles, icons, colours of the terminal itself, links, the clipboard, notifications: none of a service's business. */
const OSC = [0, 1, 2, 4, 5, 7, 8, 9, 10, 11, 12, 13, 50, 52, 104, 110, 111, 112, 133, 777, 1337];

/** What a terminal may look like, from the tokens that hold now. */
export function colours(): ITheme {
  const tones = { red: "bad", green: "good", yellow: "warn", blue: "busy", magenta: "held" } as const;
  const named: Record<string, string> = {};
  for (const [name, tone] of Object.entries(tones)) {
    named[name] = token(`${tone}-text`);
    named[`bright${name.charAt(0).toUpperCase()}${name.slice(1)}`] = token(`${tone}-mark`);
  }
  return {
    ...named,
    background: token("surface"),
    foreground: token("text"),
    cursor: token("accent"),
    cursorAccent: token("surface"),
    selectionBackground: token("accent-soft"),
    selectionForeground: token("text"),
    black: token("text"),
    brightBlack: token("text-3"),
    cyan: token("accent"),
    brightCyan: token("accent"),
    white: token("text-2"),
    brightWhite: token("text"),
  };
}

export class Screen {
  readonly terminal: Terminal;
  private readonly fit = new FitAddon();
  private waiting = 0;
  /** What was left out because it came faster than it could be drawn, in characters. */
  left = 0;
  /** What a person typed, and what the terminal answers to questions of the service. */
  ontyped: (text: string) => void = () => undefined;

  constructor(place: HTMLElement, label: string) {
    this.terminal = new Terminal({
      screenReaderMode: true,
      scrollback: SCROLLBACK,
      fontFamily: token("mono"),
      fontSize: 12,
      lineHeight: 1.25,
      cursorBlink: false,
      cursorInactiveStyle: "outline",
      minimumContrastRatio: 4.5,
      convertEol: false,
      windowOptions: {},
      linkHandler: { activate: () => undefined },
      theme: colours(),
    });
    for (const kind of OSC) this.terminal.parser.registerOscHandler(kind, () => true);
    this.terminal.loadAddon(this.fit);
    this.terminal.open(place);
    this.terminal.textarea?.setAttribute("aria-label", label);
    this.terminal.onData((text) => this.ontyped(text));
  }

  /** As many characters as the place has room for. */
  room(): TerminalSize {
    const fits = this.fit.proposeDimensions();
    const within = (wanted: number | undefined, least: number, most: number, usual: number): number =>
      wanted === undefined || Number.isNaN(wanted) ? usual : Math.min(Math.max(wanted, least), most);
    return { columns: within(fits?.cols, 2, 1_000, 80), rows: within(fits?.rows, 1, 500, 24) };
  }

  size(size: TerminalSize): void {
    if (size.columns !== this.terminal.cols || size.rows !== this.terminal.rows) this.terminal.resize(size.columns, size.rows);
  }

  show(text: string): void {
    if (this.waiting > WAITING) {
      this.left += text.length;
      return;
    }
    this.waiting += text.length;
    this.terminal.write(text, () => {
      this.waiting -= text.length;
    });
  }

  /** Everything that is kept, or what is selected of it. */
  text(): string {
    if (this.terminal.hasSelection()) return this.terminal.getSelection();
    const lines: string[] = [];
    const buffer = this.terminal.buffer.active;
    for (let at = 0; at < buffer.length; at += 1) {
      const line = buffer.getLine(at);
      const text = line?.translateToString(true) ?? "";
      if (line?.isWrapped && lines.length > 0) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return lines.join("\n").trimEnd() + "\n";
  }

  dispose(): void {
    this.terminal.dispose();
  }
}
