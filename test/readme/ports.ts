import { freePort } from "../packaging/process.ts";

/** The documents' ports, and the test's in their place. */
export interface Ports {
  /** @throws Error for a port that the test has none for */
  of(shown: number): number;
  url(shown: number): string;
  toUsed(shown: string): string;
  toShown(used: string): string;
}

export async function freePorts(...shown: readonly number[]): Promise<Ports> {
  const pairs = await Promise.all(shown.map(async (port) => [port, await freePort()] as const));
  function of(wanted: number): number {
    const used = pairs.find(([port]) => port === wanted)?.[1];
    if (used === undefined) throw new Error(`no port for ${wanted}`);
    return used;
  }
  return {
    of,
    url: (port) => `http://localhost:${of(port)}`,
    toUsed: (text) => pairs.reduce((all, [from, to]) => all.replaceAll(`localhost:${from}`, `localhost:${to}`), text),
    toShown: (text) => pairs.reduce((all, [from, to]) => all.replaceAll(`localhost:${to}`, `localhost:${from}`), text),
  };
}
