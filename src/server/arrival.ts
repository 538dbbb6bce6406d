import type { ActiveCall } from "../call/call.ts";
import type { AnswerWatch } from "./answer-watch.ts";
import type { ClientView } from "./proxies.ts";
import type { ReceivedHead } from "./received-head.ts";
import type { ServedExchange } from "./served-exchange.ts";

/** The connection that a request came by, as far as the request has to do with it. */
interface ArrivalConnection {
  readonly address: string;
  begin(request: RequestUnderWay): void;
  end(request: RequestUnderWay, now: number): void;
  /** Has the peer leave once its requests are answered. */
  leave(): void;
}

/** A request that has arrived, as whoever speaks its version of HTTP hands it to the port. */
export interface Arrival {
  readonly connection: ArrivalConnection | undefined;
  readonly head: ReceivedHead;
  readonly answer: AnswerWatch;
  /** The request was read to its end. */
  isComplete(): boolean;
  /** Makes the exchange. Called once, within the call. */
  exchange(call: ActiveCall, client: ClientView): ServedExchange;
}

/** A request under way, as the port knows it. */
export interface RequestUnderWay {
  readonly arrival: Arrival;
  readonly call: ActiveCall;
  readonly client: ClientView;
  /** The caller went away: what is still written goes nowhere. */
  lose(): void;
  /** The answer is over, or never will be. To be told once. */
  over(): void;
}

/** Takes a request in. Its answer is made by {@link Serving.dispatch}. */
export interface Serving {
  /** Begins the request's call. */
  begin(arrival: Arrival): RequestUnderWay;
  /** Has the handlers answer it. */
  dispatch(underWay: RequestUnderWay): void;
  readonly isClosing: boolean;
}
