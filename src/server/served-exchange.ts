import type { IncomingMessage, ServerResponse } from "node:http";
import type { Exchange } from "../wire/exchange.ts";
import type { AnswerWatch } from "./answer-watch.ts";
import type { UpgradeOffer } from "./http1-server.ts";
import type { Received } from "./received.ts";
import type { Listed } from "./roster.ts";

/** An {@link Exchange} as the port serves it, with what is there besides for those who host applications. */
export interface ServedExchange extends Exchange, Listed {
  readonly received: Received;
  readonly answer: AnswerWatch;
  /** The header list is larger than is taken. */
  readonly isHeadTooLarge: boolean;
  /** The request asks to upgrade its connection. */
  readonly offersUpgrade: boolean;
  /** The request was read to its end. */
  isComplete(): boolean;
  /** Takes the connection over: from now on it is the caller's, and there is no answer but what the caller writes. */
  takeOver(): UpgradeOffer;
  /**
   * The exchange as Node's request and response: over HTTP/1.1 node:http's own, over HTTP/2 classes that have what Koa,
   * Express and Fastify use of those. In the place of {@link Exchange.body} and {@link Exchange.respond}.
   *
   * @param ownMembers has all members be the objects' own, for who puts other prototypes in the place of theirs
   */
  nodeMessages(ownMembers: boolean): NodeMessages;
}

/** A request and its response, as Node's listeners take them. */
export interface NodeMessages {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}
