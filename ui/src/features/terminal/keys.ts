// What keys mean at a terminal: to look on, they scroll and walk on; to type, all but two go to the service.

/** What is to be done about a key. */
export type Meaning = "pass" | "page" | "take" | "leave" | "copy" | { scroll: number } | { pages: number } | "top" | "bottom";

export interface Key {
  key: string;
  ctrl: boolean;
  shift: boolean;
  other: boolean;
}

export function keyOf(event: KeyboardEvent): Key {
  return { key: event.key, ctrl: event.ctrlKey, shift: event.shiftKey, other: event.altKey || event.metaKey };
}

/** Ctrl-P and behind it Ctrl-Q let go, as with `azora attach`. */
export class Keys {
  private first = false;

  /** `pass` is the terminal's, `page` the page's. */
  means(key: Key, mine: boolean): Meaning {
    if (!mine) return looking(key);
    if (["Control", "Shift", "Alt", "Meta"].includes(key.key)) return "pass";
    const ctrl = key.ctrl && !key.other;
    const first = this.first;
    this.first = ctrl && key.key.toLowerCase() === "p";
    if (first && ctrl && key.key.toLowerCase() === "q") return "leave";
    if (ctrl && key.shift && key.key.toLowerCase() === "c") return "copy";
    // Pasting is the browser's: the terminal hears of it afterwards.
    if (ctrl && key.shift && key.key.toLowerCase() === "v") return "page";
    return "pass";
  }
}

function looking(key: Key): Meaning {
  if (key.ctrl && !key.other && key.key.toLowerCase() === "c") return "copy";
  if (key.ctrl || key.other) return "page";
  switch (key.key) {
    case "Enter":
      return "take";
    case "ArrowUp":
      return { scroll: -1 };
    case "ArrowDown":
      return { scroll: 1 };
    case "PageUp":
      return { pages: -1 };
    case "PageDown":
      return { pages: 1 };
    case "Home":
      return "top";
    case "End":
      return "bottom";
    default:
      // Any other letter is for whoever types; Tab walks on, Escape closes.
      return key.key.length === 1 ? "take" : "page";
  }
}
