import type { Access } from "../call/access.ts";
import { ActiveCall, type CallOptions } from "../call/call.ts";
import type { Clock } from "../call/clock.ts";
import type { Logger } from "../call/logger.ts";
import type { Peer } from "../call/peer.ts";
import { ARTICLE_REQUEST_ID_HEADER, REQUEST_ID_HEADER, requestIdFrom } from "../call/request-id.ts";
import type { Tasks } from "../call/tasks.ts";
import type { TrustedProxies } from "./proxies.ts";
import type { Received } from "./received.ts";

/** What every call of a port has from its service. */
export interface CallSurroundings {
  readonly log: Logger;
  readonly clock: Clock;
  readonly tasks: Tasks;
  readonly trustedProxies: TrustedProxies;
  /** Who may call what; without, everybody may call everything. */
  readonly access?: Access | undefined;
  /** Names of header fields that travel on with onward calls, in lower case. */
  readonly companionHeaders: readonly string[];
}

/** Begins the call that a request is. */
export function callOf(received: Received, surroundings: CallSurroundings): ActiveCall {
  return new ActiveCall(new RequestCallOptions(received, surroundings));
}

/** What a call has of its request, read once somebody asks for it. */
class RequestCallOptions implements CallOptions {
  readonly #received: Received;
  readonly #surroundings: CallSurroundings;

  constructor(received: Received, surroundings: CallSurroundings) {
    this.#received = received;
    this.#surroundings = surroundings;
  }

  get log(): Logger {
    return this.#surroundings.log;
  }

  get clock(): Clock {
    return this.#surroundings.clock;
  }

  get tasks(): Tasks {
    return this.#surroundings.tasks;
  }

  get peer(): Peer {
    const { client, certificate } = this.#received;
    return { address: client.address, identity: certificate.identity };
  }

  get access(): Access | undefined {
    return this.#surroundings.access;
  }

  get requestId(): string {
    return requestIdFrom(this.#field(REQUEST_ID_HEADER) ?? this.#field(ARTICLE_REQUEST_ID_HEADER));
  }

  get companions(): ReadonlyMap<string, string> {
    const companions = new Map<string, string>();
    for (const name of this.#surroundings.companionHeaders) {
      const value = this.#field(name);
      if (value !== undefined) {
        companions.set(name, value);
      }
    }
    return companions;
  }

  get secrets(): readonly string[] {
    const authorization = this.#field("authorization");
    const proxyAuthorization = this.#field("proxy-authorization");
    const cookie = this.#field("cookie");
    return authorization === undefined && proxyAuthorization === undefined && cookie === undefined
      ? NO_SECRETS
      : [...credentials(authorization), ...credentials(proxyAuthorization), ...cookies(cookie)];
  }

  #field(name: string): string | undefined {
    return this.#received.head.field(name) || undefined;
  }
}

const NO_SECRETS: readonly string[] = [];
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
