import { type ServerProcess, startServer } from "../tools/server-process.ts";
import type { Certificate } from "./certificate.ts";

/** What is measured: the first is what the others are compared with. */
export const CONTENDERS = ["node-http2", "own"] as const;
export type Contender = (typeof CONTENDERS)[number];

export interface ContenderOptions {
  /** Undefined: it serves in cleartext. */
  readonly certificate?: Certificate | undefined;
  readonly nodeOptions?: readonly string[];
}

/** Starts a contender's server on core 0. */
export async function startContender(
  contender: Contender,
  { certificate, nodeOptions = [] }: ContenderOptions,
): Promise<ServerProcess> {
  return startServer({
    module: `bench/servers/${contender}.ts`,
    args: certificate === undefined ? [] : ["--certificate", certificate.certificate, "--key", certificate.key],
    nodeOptions,
    wrapper: ["taskset", "-c", "0"],
    env: { NODE_ENV: "production" },
    listening: /listening on port (?<port>\d+)/,
    withinMs: 20_000,
  });
}
