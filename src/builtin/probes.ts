import { type Exchange, type Handler, respondJson } from "../wire/exchange.ts";
import type { Readiness } from "./readiness.ts";

/**
 * `GET /healthz`: the process lives. `GET /readyz`: it should get traffic; 503 while it starts and drains, for as long as
 * the port listens. HEAD works as well.
 */
export function probes(readiness: Readiness): Handler {
  return (exchange) => {
    if (exchange.method !== "GET" && exchange.method !== "HEAD") {
      return undefined;
    }
    switch (exchange.path) {
      case "/healthz":
        return answer(exchange, 200, "alive");
      case "/readyz":
        return answer(exchange, readiness.state === "serving" ? 200 : 503, readiness.state);
      default:
        return undefined;
    }
  };
}

function answer(exchange: Exchange, status: number, state: string): Promise<void> {
  exchange.setHeader("cache-control", "no-store");
  return respondJson(exchange, status, { status: state });
}
