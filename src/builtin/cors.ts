import { cors } from "@connectrpc/connect";
import { runInCall } from "../call/current.ts";
import type { Logger } from "../call/logger.ts";
import { REQUEST_ID_HEADER } from "../call/request-id.ts";
import type { Exchange, Handler } from "../wire/exchange.ts";
import { refuse } from "../wire/refuse.ts";

export interface CorsOptions {
  /** Origins whose pages may read answers, such as `https://shop.example`; `*` stands for every one. */
  readonly origins: readonly string[];
  /** Whether any page on localhost may read answers as well: for development. */
  readonly localhost: boolean;
  /** Whether cookies and the like are allowed; never with `*`. */
  readonly credentials: boolean;
  /** Header fields that pages may send besides those of Connect and gRPC-Web. */
  readonly requestHeaders: readonly string[];
  readonly log: Logger;
}

const METHODS = [...new Set([...cors.allowedMethods, "HEAD", "PUT", "PATCH", "DELETE"])].join(", ");
const EXPOSED_HEADERS = [...cors.exposedHeaders, REQUEST_ID_HEADER].join(", ");
const PREFLIGHT_MAX_AGE_SECONDS = 7200; // the most that Chromium keeps
const LOCALHOST = /^https?:\/\/(?:localhost|[a-z0-9-]+\.localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/;
/** How many refused origins are remembered, so that each is one warning and a flood of them no flood of lines. */
const MAX_WARNED_ORIGINS = 100;

/**
 * Lets pages of the allowed origins read answers (Fetch standard, "CORS protocol"), and answers their preflights. A page
 * of any other origin gets the answer without the fields that would let it read it, and the log one warning.
 */
export function corsHandler(options: CorsOptions): Handler {
  const allowed = new Set(options.origins);
  const requestHeaders = [...cors.allowedHeaders, REQUEST_ID_HEADER, ...options.requestHeaders].join(", ");
  const warned = new Set<string>();

  function isAllowed(origin: string): boolean {
    return allowed.has(origin) || allowed.has("*") || (options.localhost && LOCALHOST.test(origin));
  }

  function warn(origin: string): void {
    if (!warned.has(origin) && warned.size < MAX_WARNED_ORIGINS) {
      warned.add(origin);
      const remedy = isOrigin(origin) ? `to allow it, set CORS_ORIGINS=${origin}` : "only * would allow it";
      options.log.warn({ origin }, `a page of ${origin} was refused; ${remedy}`);
    }
  }

  return (exchange) => {
    exchange.vary("origin");
    const origin = exchange.field("origin");
    if (origin === undefined || origin === `${exchange.scheme}://${exchange.authority}`) {
      return undefined;
    }
    if (!isAllowed(origin)) {
      runInCall(exchange.call, () => warn(origin));
      // Browsers let any page open a WebSocket and read it: here the refusal is ours to make (RFC 6455, 10.2).
      const detail = "pages of this origin may not open connections here; CORS_ORIGINS names those that may";
      return exchange.field("upgrade") !== undefined ? refuse(exchange, 403, detail) : undefined;
    }
    exchange.setHeader("access-control-allow-origin", allowed.has("*") && !options.credentials ? "*" : origin);
    if (options.credentials) {
      exchange.setHeader("access-control-allow-credentials", "true");
    }
    if (exchange.method === "OPTIONS" && exchange.field("access-control-request-method") !== undefined) {
      return answerPreflight(exchange, requestHeaders);
    }
    exchange.setHeader("access-control-expose-headers", EXPOSED_HEADERS);
    return undefined;
  };
}

/** Whether pages say it for their own; those in a sandbox, and of files, say `null` (HTML standard, "origin"). */
function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

function answerPreflight(exchange: Exchange, requestHeaders: string): Promise<void> {
  return exchange.respond({
    status: 204,
    header: new Headers({
      "access-control-allow-methods": METHODS,
      "access-control-allow-headers": requestHeaders,
      "access-control-max-age": String(PREFLIGHT_MAX_AGE_SECONDS),
    }),
  });
}
