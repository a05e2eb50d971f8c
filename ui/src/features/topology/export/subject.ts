// What an exported picture is of: the graph as it is laid out, and how each service was when it was taken.

import type { Scene, Status } from "../scene";

export interface Subject {
  /** Of the cluster. */
  name: string;
  scene: Scene;
  status: Status;
  /** When, in ms since the epoch. */
  at: number;
}

export type Format = "svg" | "png" | "mmd";

/** The name a file gets, without its ending: of letters that every file system takes. */
export function fileName({ name, at }: Subject): string {
  const plain = name.replace(/[^\w.]+/g, "-").replace(/^[-.]+|-+$/g, "");
  return `${plain || "cluster"}-topology-${new Date(at).toISOString().slice(0, 16).replace(":", "")}`;
}
