import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/health/v1/health_pb.js";
import type { AttemptPolicies } from "./attempts/attempt-rules.ts";
import { RetryBudget } from "./attempts/retry-budget.ts";
import { createCallTransport } from "./calls/call-transport.ts";
import type { CallTransportOptions } from "./calls/transport-options.ts";
import { ChannelSight } from "./channel-sight.ts";
import type { Connection } from "./connections/connection.ts";
import type { HttpTarget } from "./connections/http-request.ts";
import { noPlaceLeft } from "./connections/lost-connection.ts";

/** What a backend has to say whether it is well. */
const TIMEOUT_MS = 1000;

/** What an ill backend answers. Anything else, such as `unauthenticated`, says nothing of its health. */
const ILL: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/**
 * Asks backends over their connections whether they serve, by gRPC's health service in the channel's own protocol
 * (grpc.health.v1, doc/health-checking.md). One that does not have it, or does not let everybody ask, is taken to be
 * well.
 */
export function healthCheck(
  common: Omit<CallTransportOptions, "target" | "timeoutMs" | "interceptors" | "counts" | "policies">,
): (connection: Connection) => Promise<boolean> {
  const policies: AttemptPolicies = {
    retry: undefined,
    waitForReady: false,
    configOf: () => undefined,
    budget: new RetryBudget({}, () => 0),
    throttle: undefined,
    random: Math.random,
    sight: new ChannelSight(common.targetName),
    resting: new Set(),
    isClosed: () => false,
    lastConnectionError: () => undefined,
  };
  return async (connection) => {
    const target: HttpTarget = {
      origin: common.url.origin,
      request(head, body, listener) {
        if (connection.room === 0) {
          throw noPlaceLeft();
        }
        return connection.request(head, body, listener);
      },
      close: () => undefined,
    };
    const counts = { started: 0, succeeded: 0, failed: 0 };
    const transport = createCallTransport({
      ...common,
      target,
      timeoutMs: TIMEOUT_MS,
      interceptors: [],
      counts,
      policies,
    });
    try {
      const { status } = await createClient(Health, transport).check({});
      return status === ServingStatus.SERVING;
    } catch (error) {
      return !ILL.has(ConnectError.from(error).code);
    }
  };
}
