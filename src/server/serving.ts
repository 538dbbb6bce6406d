import type { ActiveCall } from "../call/call.ts";
import type { Received } from "./received.ts";
import type { ServedExchange } from "./served-exchange.ts";

/** Takes requests in, and has them answered. */
export interface Serving {
  /** Begins the call that a request is. */
  callOf(received: Received): ActiveCall;
  /** A request is under way. */
  begin(exchange: ServedExchange): void;
  /** Has the handlers answer it. */
  dispatch(exchange: ServedExchange): void;
  /** Its answer is over, or never will be; to be told once. */
  over(exchange: ServedExchange): void;
  readonly isClosing: boolean;
}
