// A file that the page has made, as a download: browsers show a person where it went.

/** Long after the browser has taken it. */
const TAKEN_MS = 10_000;

export function download(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), TAKEN_MS);
}
