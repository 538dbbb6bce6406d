import { Code, ConnectError } from "@connectrpc/connect";
import { type PlannedCall, planCall, type RpcMethod } from "./call-plan.ts";
import type { Exchange, Handler } from "./exchange.ts";
import { rpcMethods } from "./methods.ts";
import { isConnectStream, type RpcProtocol, rpcProtocol } from "./protocol.ts";
import { refuseCall, refuseWith } from "./refuse.ts";
import type { RpcOptions } from "./rpc-options.ts";
import { StreamCall } from "./stream-call.ts";
import { UnaryCall } from "./unary-call.ts";
import { answerUniversally } from "./universal.ts";

/**
 * Answers every request that is an RPC, over gRPC, gRPC-Web and Connect; leaves the rest. Calls as clients make them go
 * the lean way; all others go through Connect's universal handlers. Nobody outside can tell.
 *
 * @throws Error where two implementations answer the same path
 */
export function rpcHandler(options: RpcOptions): Handler {
  const methods = rpcMethods(options);
  const isLean = options.path !== "universal";
  return (exchange) => {
    const method = methods.get(exchange.path);
    if (method === undefined) {
      const protocol = rpcProtocol(exchange);
      return protocol === undefined ? undefined : answerUnknownMethod(exchange, protocol);
    }
    const refusal = exchange.call.refusalFor(method.descriptor);
    if (refusal !== undefined) {
      exchange.call.method = method.descriptor;
      return refuseWith(exchange, refusal);
    }
    const planned = isLean ? plannedCall(exchange, method) : undefined;
    if (planned === undefined) {
      return answerUniversally(exchange, method.universal, rpcProtocol(exchange) ?? "connect", options);
    }
    const isUnary = method.descriptor.methodKind === "unary";
    return (isUnary ? new UnaryCall(exchange, planned, options) : new StreamCall(exchange, planned, options)).begin();
  };
}

/** A head that comes again has its plan already. */
function plannedCall(exchange: Exchange, method: RpcMethod): PlannedCall | undefined {
  const { plan } = exchange;
  if (plan !== undefined) {
    return plan === UNPLANNED ? undefined : (plan as PlannedCall); // no other handler makes one
  }
  const planned = planCall(exchange, method);
  exchange.plan = planned ?? UNPLANNED;
  return planned;
}

const UNPLANNED = "left to Connect";

const MAX_SHOWN_PATH = 200;

function answerUnknownMethod(exchange: Exchange, protocol: RpcProtocol): Promise<void> {
  // The path is the caller's, and may be as long as a header list; the message travels in one.
  const path = exchange.path.length > MAX_SHOWN_PATH ? `${exchange.path.slice(0, MAX_SHOWN_PATH)}…` : exchange.path;
  const error = new ConnectError(`${path} is no method of this service`, Code.Unimplemented);
  const contentType = exchange.field("content-type") ?? "";
  // There is nothing at the path, which Connect's own servers say by 404; its code is in the body.
  const isConnectUnary = protocol === "connect" && !isConnectStream(contentType);
  return refuseCall(exchange, protocol, error, isConnectUnary ? 404 : undefined);
}
