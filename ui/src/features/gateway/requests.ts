// Which requests a filter means, and a request as it is typed by a person.

import type { GatewayRequest, GatewayTry } from "../../ipc/generated";

export type Which = "all" | "failed" | "4xx" | "3xx";

export function whichOf(text: string | null): Which {
  return text === "failed" || text === "4xx" || text === "3xx" ? text : "all";
}

/** The newest first. Failed: answered 5xx, or by no instance at all. */
export function fitting(requests: readonly GatewayRequest[], text: string, which: Which): GatewayRequest[] {
  const wanted = text.trim().toLowerCase();
  const fits = ({ host, path, status, error }: GatewayRequest): boolean => {
    if (wanted !== "" && !`${host}${path}`.toLowerCase().includes(wanted)) return false;
    if (which === "failed") return status >= 500 || (error !== null && status < 400);
    if (which === "4xx") return status >= 400 && status < 500;
    return which !== "3xx" || (status >= 300 && status < 400);
  };
  return requests.filter(fits).reverse();
}

/** Headers as lines of `Name: value`; the first line that is none, if there is one. */
export function headersOf(text: string): { headers: [string, string][]; wrong: string | null } {
  const headers: [string, string][] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const at = line.indexOf(":");
    const name = line.slice(0, at).trim();
    if (at < 1 || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return { headers, wrong: line.trim() };
    headers.push([name, line.slice(at + 1).trim()]);
  }
  return { headers, wrong: null };
}

/** What only reads: the engine writes down all others. */
export function reads(method: string): boolean {
  return ["GET", "HEAD", "OPTIONS", "TRACE"].includes(method);
}

/** The same request on a command line. */
export function curlOf(request: GatewayTry, address: string): string {
  const port = /:(\d+)\/?$/.exec(address)?.[1] ?? "80";
  const parts = ["curl"];
  if (request.method === "HEAD") parts.push("--head");
  else if (request.method !== "GET") parts.push("-X", request.method);
  for (const [name, value] of request.headers ?? []) parts.push("-H", quoted(`${name}: ${value}`));
  if (request.body !== undefined && request.body !== "") parts.push("--data-raw", quoted(request.body));
  parts.push(quoted(`http://${request.host}:${port}${request.path}`));
  return parts.join(" ");
}

/** As a shell takes it for one word. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
