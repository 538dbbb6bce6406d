import { Code, ConnectError } from "@connectrpc/connect";
import type { ServedExchange } from "../server/served-exchange.ts";
import type { Handler } from "../wire/exchange.ts";
import { refuseWith } from "../wire/refuse.ts";
import { isProbe } from "./probes.ts";

/**
 * Refuses whoever has shown a certificate that is not accepted, and, where `isRequired`, whoever has shown none. Probes are
 * answered all the same: those who send them have no certificates.
 */
export function certificateGuard(isRequired: boolean): Handler<ServedExchange> {
  return (exchange) => {
    const { identity, problem } = exchange.received.certificate;
    if (identity !== undefined || (problem === undefined && !isRequired) || isProbe(exchange)) {
      return undefined;
    }
    const why =
      problem === undefined ? "a client certificate is needed" : `the client certificate is not accepted: ${problem}`;
    return refuseWith(exchange, new ConnectError(why, Code.Unauthenticated));
  };
}
