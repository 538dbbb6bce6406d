import { connectNodeCalls } from "./clients/connect-node.ts";
import { grpcJsCalls } from "./clients/grpc-js.ts";
import { porticoCalls } from "./clients/portico.ts";
import type { TestedClient } from "./clients/tested-client.ts";

function portico(protocol: TestedClient["protocol"], httpVersion: TestedClient["httpVersion"]): TestedClient {
  return {
    name: `${PROTOCOLS[protocol]} over HTTP/${httpVersion}`,
    library: "portico",
    protocol,
    httpVersion,
    dial: (target) => porticoCalls(target, { protocol, httpVersion }),
  };
}

const PROTOCOLS = { grpc: "gRPC", "grpc-web": "gRPC-Web", connect: "Connect" } as const;

/** Every wire of our own channel. */
export const OURS: readonly TestedClient[] = [
  portico("grpc", "2"),
  portico("grpc-web", "2"),
  portico("connect", "2"),
  portico("grpc-web", "1.1"),
  portico("connect", "1.1"),
];

/** What it is compared with, by gRPC over HTTP/2. */
export const OTHERS: readonly TestedClient[] = [
  { name: "@grpc/grpc-js", library: "grpc-js", protocol: "grpc", httpVersion: "2", dial: grpcJsCalls },
  { name: "connect-node", library: "connect-node", protocol: "grpc", httpVersion: "2", dial: connectNodeCalls },
];
