import { ActiveCall } from "../call/call.ts";
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import { ARTICLE_REQUEST_ID_HEADER, REQUEST_ID_HEADER, requestIdFrom } from "../call/request-id.ts";
import type { Tasks } from "../call/tasks.ts";
import type { ClientView, TrustedProxies } from "./proxies.ts";
import type { ReceivedHead } from "./received-head.ts";

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
export function callOf(head: ReceivedHead, client: ClientView, surroundings: CallSurroundings): ActiveCall {
  const field = (name: string) => head.field(name) || undefined;
  const companions = new Map<string, string>();
  for (const name of surroundings.companionHeaders) {
    const value = field(name);
    if (value !== undefined) {
      companions.set(name, value);
    }
  }
  return new ActiveCall({
    requestId: requestIdFrom(field(REQUEST_ID_HEADER) ?? field(ARTICLE_REQUEST_ID_HEADER)),
    log: surroundings.log,
    clock: surroundings.clock,
    tasks: surroundings.tasks,
    peer: { address: client.address },
    companions,
    secrets: [
      ...credentials(field("authorization")),
      ...credentials(field("proxy-authorization")),
      ...cookies(field("cookie")),
    ],
  });
}

/** How many parts of a cookie field are hidden by themselves; the whole field always is. */
const MAX_COOKIES = 50;

/** A credentials field's value, and the token in it that somebody might log alone (RFC 9110, 11.4). */
function credentials(value: string | undefined): readonly string[] {
  return value === undefined ? [] : [value, value.replace(/^\S+\s+/, "")];
}

/** A cookie field's value, and the value of each cookie in it (RFC 6265, 4.2.1). */
function cookies(value: string | undefined): readonly string[] {
  const pairs = value?.split(/;\s*/).slice(0, MAX_COOKIES) ?? [];
  return value === undefined ? [] : [value, ...pairs.map((pair) => pair.slice(pair.indexOf("=") + 1))];
}
