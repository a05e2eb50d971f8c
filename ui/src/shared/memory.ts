// What the page remembers between visits. Losing it loses nothing but comfort.

const PREFIX = "azora.";

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // Storage is full or forbidden; the choice holds for this visit.
  }
}

/** What this window alone remembers, until it is closed: of two windows each may be somebody else's. */
export function recallHere(key: string): string | null {
  try {
    return sessionStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export function rememberHere(key: string, value: string): void {
  try {
    sessionStorage.setItem(PREFIX + key, value);
  } catch {
    // As above.
  }
}
