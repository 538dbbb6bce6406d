import { ConnectError } from "@connectrpc/connect";
import type { Exchange } from "./exchange.ts";
import { codeFromStatus, problemFromError, problemFromStatus, respondProblem } from "./problem.ts";
import { errorAnswer, type RpcProtocol, rpcProtocol } from "./protocol.ts";

/**
 * Refuses an exchange before anybody has taken it, in the protocol that it speaks by its own word, as a problem where
 * that is none. The HTTP status is the same for all.
 */
export function refuse(exchange: Exchange, status: number, detail: string): Promise<void> {
  const { call } = exchange;
  const protocol = rpcProtocol(exchange);
  if (protocol === undefined) {
    return respondProblem(exchange, problemFromStatus(status, detail, call.requestId));
  }
  return refuseCall(exchange, protocol, new ConnectError(detail, codeFromStatus(status)), status);
}

/** Refuses an exchange for who sends it, before its body is read: as the method would answer, or as a problem where it is none. */
export function refuseWith(exchange: Exchange, error: ConnectError): Promise<void> {
  const { call } = exchange;
  const protocol = rpcProtocol(exchange) ?? (call.method === undefined ? undefined : "connect");
  if (protocol === undefined) {
    return respondProblem(exchange, problemFromError(error, call.requestId));
  }
  return refuseCall(exchange, protocol, error);
}

/**
 * Answers a call that no method's handler sees with an error.
 *
 * @param status in the place of the protocol's own
 */
export function refuseCall(
  exchange: Exchange,
  protocol: RpcProtocol,
  error: ConnectError,
  status?: number,
): Promise<void> {
  const { call } = exchange;
  call.protocol = protocol;
  call.answeredCode = error.code;
  const answer = errorAnswer(protocol, exchange.field("content-type") ?? "", error);
  return exchange.respond(status === undefined ? answer : { ...answer, status });
}
