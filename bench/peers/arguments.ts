import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { collect } from "./collect.ts";

const { values } = parseArgs({
  options: {
    certificate: { type: "string" },
    key: { type: "string" },
    "client-ca": { type: "string" },
    http1: { type: "boolean" },
  },
});

/** What the server is to use for TLS, in PEM. */
export interface TlsOptions {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Who has to vouch for its clients; undefined: they are not asked. */
  readonly clientCa: Buffer | undefined;
}

const { certificate, key, "client-ca": clientCa } = values;

/** Undefined: cleartext. */
export const tlsOptions: TlsOptions | undefined =
  certificate === undefined || key === undefined
    ? undefined
    : {
        cert: readFileSync(certificate),
        key: readFileSync(key),
        clientCa: clientCa === undefined ? undefined : readFileSync(clientCa),
      };

/** Whether a server that could speak either is to speak HTTP/1.1. */
export const isHttp1 = values.http1 === true;

/** Says where a server listens, and from then on answers for its memory, after collections that leave nothing behind. */
export function announce(address: unknown): void {
  // A server of node:net that listens has an address of this form.
  console.log(`listening on port ${(address as { readonly port: number }).port}`);
  process.on("message", () => void collect().then(() => process.send?.(process.memoryUsage())));
  process.channel?.unref();
}
