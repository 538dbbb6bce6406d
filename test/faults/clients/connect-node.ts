import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { setName } from "../names.ts";
import type { Calls, Target } from "./tested-client.ts";
import { transportCalls } from "./transport.ts";

/** Calls by connect-node's own transport for gRPC. */
export function connectNodeCalls({ addresses, port, name = someName(addresses), authority }: Target): Calls {
  const baseUrl = `${authority === undefined ? "http" : "https"}://${name}:${port}`;
  // The same manager that the transport makes for itself; only by it the connection can be closed.
  const sessionManager = new Http2SessionManager(baseUrl, {}, authority === undefined ? {} : { ca: authority });
  return {
    ...transportCalls(createGrpcTransport({ baseUrl, sessionManager })),
    async [Symbol.asyncDispose]() {
      sessionManager.abort();
    },
  };
}

/** It takes one URL: several addresses are those of a name. */
function someName(addresses: readonly string[]): string {
  const [first = "", ...others] = addresses;
  if (others.length === 0) return first;
  const name = "connect-node.replicas.test";
  setName(name, addresses);
  return name;
}
