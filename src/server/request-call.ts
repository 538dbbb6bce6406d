import { ActiveCall } from "../call/call.ts";
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { ARTICLE_REQUEST_ID_HEADER, REQUEST_ID_HEADER, requestIdFrom } from "../call/request-id.ts";
import type { Tasks } from "../call/tasks.ts";
import type { NodeRequest } from "./node-exchange.ts";
import { clientAddress, plainAddress, type TrustedProxies } from "./proxies.ts";

/** What every call of a port has from its service. */
export interface CallSurroundings {
  readonly log: Logger;
  readonly clock: Clock;
  readonly tasks: Tasks;
  readonly trustedProxies: TrustedProxies;
  /** Names of header fields that travel on with onward calls, in lower case. */
  readonly companionHeaders: readonly string[];
}

/** Begins the call that a request is. */
export function callOf(request: NodeRequest, surroundings: CallSurroundings): ActiveCall {
  const field = (name: string) => [request.headers[name] ?? []].flat().join(", ") || undefined;
  const companions = new Map<string, string>();
  for (const name of surroundings.companionHeaders) {
    const value = field(name);
    if (value !== undefined) {
      companions.set(name, value);
    }
  }
  const peerAddress = plainAddress(request.socket.remoteAddress);
  return new ActiveCall({
    requestId: requestIdFrom(field(REQUEST_ID_HEADER) ?? field(ARTICLE_REQUEST_ID_HEADER)),
    log: surroundings.log,
    clock: surroundings.clock,
    tasks: surroundings.tasks,
    peer: { address: clientAddress(peerAddress, request.headers, surroundings.trustedProxies) },
    companions,
    secrets: ["authorization", "proxy-authorization", "cookie"].flatMap((name) => secretsIn(field(name))),
  });
}

/** A secret field's value, and the parts of it that somebody might log alone: a token, a cookie's value. */
function secretsIn(value: string | undefined): readonly string[] {
  return value === undefined ? [] : [value, ...value.split(/[\s;,]+|(?<=[^=])=(?=[^=])/)];
}
