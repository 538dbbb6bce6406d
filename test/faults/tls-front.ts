import { connect } from "node:net";
import { pipeline } from "node:stream/promises";
import { createServer } from "node:tls";
import type { Pair } from "../support/certificates.ts";
import { listening } from "../support/listening.ts";

/** Ends TLS in front of a service in cleartext at a port of 127.0.0.1. */
export function startTlsFront(to: number, { cert, key }: Pair): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer({ cert, key, ALPNProtocols: ["h2", "http/1.1"] }, (near) => {
    const far = connect({ host: "127.0.0.1", port: to, noDelay: true });
    near.setNoDelay(true);
    // Either side may end badly: the faults are the point.
    pipeline(near, far, near).catch(() => undefined);
  });
  return listening(server);
}
