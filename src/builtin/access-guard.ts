import type { Handler } from "../wire/exchange.ts";
import { refuseWith } from "../wire/refuse.ts";

/** Refuses whoever may not use the web application; RPCs are judged by their methods, before. */
export const accessGuard: Handler = (exchange) => {
  const refusal = exchange.call.refusalFor("http");
  return refusal === undefined ? undefined : refuseWith(exchange, refusal);
};
