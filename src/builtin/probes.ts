import { type Exchange, type Handler, respondJson } from "../wire/exchange.ts";
import type { Readiness } from "./readiness.ts";

/**
 * `GET /healthz`: the process lives. `GET /readyz`: it should get traffic; 503 while it starts and drains, for as long as
 * the port listens, and while a condition fails, with the names of those that do. HEAD works as well.
 */
export function probes(readiness: Readiness): Handler {
  return (exchange) => {
    if (!isProbe(exchange)) {
      return undefined;
    }
    if (exchange.path === "/healthz") {
      return answer(exchange, 200, { status: "alive" });
    }
    const { state, isReady, failing } = readiness;
    // Why they fail is not for everybody, as this answer is.
    const document = state === "serving" && !isReady ? { status: "failing", failing } : { status: state };
    return answer(exchange, isReady ? 200 : 503, document);
  };
}

/** Whether {@link probes} answers it. */
export function isProbe({ method, path }: Exchange): boolean {
  return (path === "/healthz" || path === "/readyz") && (method === "GET" || method === "HEAD");
}

function answer(exchange: Exchange, status: number, document: object): Promise<void> {
  exchange.setHeader("cache-control", "no-store");
  return respondJson(exchange, status, document);
}
