import { type Exchange, type Handler, respondJson } from "../wire/exchange.ts";
import type { Readiness } from "./readiness.ts";

/**
 * `GET /healthz`: the process lives. `GET /readyz`: it should get traffic; 503 while it starts and drains, for as long as
 * the port listens. HEAD works as well.
 */
export function probes(readiness: Readiness): Handler {
  return (exchange) => {
    if (!isProbe(exchange)) {
      return undefined;
    }
    return exchange.path === "/healthz"
      ? answer(exchange, 200, "alive")
      : answer(exchange, readiness.state === "serving" ? 200 : 503, readiness.state);
  };
}

/** Whether {@link probes} answers it. */
export function isProbe({ method, path }: Exchange): boolean {
  return (path === "/healthz" || path === "/readyz") && (method === "GET" || method === "HEAD");
}

function answer(exchange: Exchange, status: number, state: string): Promise<void> {
  exchange.setHeader("cache-control", "no-store");
  return respondJson(exchange, status, { status: state });
}
