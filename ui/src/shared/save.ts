// Hands a person a file that was made in the page.

/** Long after the host has taken it. */
const TAKEN_MS = 10_000;

/** Offers `text` as a file of this name, into the folder that downloads go to. */
export function save(name: string, type: "application/json" | "text/markdown" | "text/plain" | "image/svg+xml", text: string): void {
  saveBlob(name, new Blob([text], { type: `${type};charset=utf-8` }));
}

export function saveBlob(name: string, blob: Blob): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), TAKEN_MS);
}
