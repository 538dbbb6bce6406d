import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { collect } from "./collect.ts";

const { values } = parseArgs({
  options: { certificate: { type: "string" }, key: { type: "string" }, http1: { type: "boolean" } },
});

/** The certificate and key that the server is to use; undefined: cleartext. */
export const tlsOptions: { readonly cert: Buffer; readonly key: Buffer } | undefined =
  values.certificate === undefined || values.key === undefined
    ? undefined
    : { cert: readFileSync(values.certificate), key: readFileSync(values.key) };

/** Whether a server that could speak either is to speak HTTP/1.1. */
export const isHttp1 = values.http1 === true;

/** Says where a server listens, and from then on answers for its memory, after collections that leave nothing behind. */
export function announce(address: unknown): void {
  // A server of node:net that listens has an address of this form.
  console.log(`listening on port ${(address as { readonly port: number }).port}`);
  process.on("message", () => void collect().then(() => process.send?.(process.memoryUsage())));
  process.channel?.unref();
}
