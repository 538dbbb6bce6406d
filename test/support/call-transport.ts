import type { Transport } from "@connectrpc/connect";
import { systemClock } from "../../src/call/clock.ts";
import type { CallCounts } from "../../src/client/calls/call-life.ts";
import { createCallTransport } from "../../src/client/calls/call-transport.ts";
import type { CallTransportOptions } from "../../src/client/calls/transport-options.ts";
import type { HttpTarget } from "../../src/client/connections/http-request.ts";
import { attemptPolicies } from "./attempt-policies.ts";

/** The client's transport over a target, without the channel around it. */
export function testTransport(
  target: HttpTarget,
  url: URL,
  options: Partial<CallTransportOptions> = {},
): { readonly transport: Transport; readonly counts: CallCounts } {
  const counts: CallCounts = { started: 0, succeeded: 0, failed: 0 };
  const transport = createCallTransport({
    url,
    target,
    clock: systemClock,
    protocol: "grpc",
    format: "binary",
    timeoutMs: 60_000,
    readMaxBytes: 4 * 1024 * 1024,
    sendCompression: undefined,
    compressMinBytes: 1024,
    useHttpGet: false,
    jsonOptions: undefined,
    binaryOptions: undefined,
    interceptors: [],
    counts,
    targetName: url.origin,
    policies: attemptPolicies(),
    ...options,
  });
  return { transport, counts };
}
