import { relative } from "node:path";
import { authorityFile, person } from "./holders.ts";
import { pathsOf } from "./pair-files.ts";
import type { Kept } from "./renewal.ts";

/** The lines that say which certificates were made, why, and until when they hold; none where all are as they were. */
export function describeMade(folder: string, kept: readonly Kept[]): readonly string[] {
  const made = kept.filter(({ why }) => why !== undefined);
  if (made.length === 0) return [];
  const width = Math.max(...made.map(({ name }) => name.length));
  const lines = made.map(({ name, until, why }) => `  ${name.padEnd(width)}  until ${minute(until)}  (${why})`);
  return [`Made in ${shown(folder)}, each as .crt and .key:`, ...lines];
}

/** The same in a line, where nothing was due. */
export function describeKept(folder: string, kept: readonly Kept[]): string {
  const first = new Date(Math.min(...kept.map(({ until }) => until.getTime())));
  return `Nothing is due: the certificates in ${shown(folder)} hold until ${minute(first)} and longer.`;
}

/** A command that calls a service on this port as somebody whom it trusts. */
export function curlCommand(folder: string, port: number): string {
  const [ca] = pathsOf(shown(folder), authorityFile);
  const [cert, key] = pathsOf(shown(folder), person.file);
  return `curl --cacert ${ca} --cert ${cert} --key ${key} https://localhost:${port}/readyz`;
}

/** A path as somebody would type it here. */
export function shown(path: string): string {
  const way = relative(process.cwd(), path);
  return way === "" || way.startsWith("..") ? path : way;
}

function minute(date: Date): string {
  return `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
