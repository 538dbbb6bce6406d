import { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { NO_CERTIFICATE } from "../tls/identity.ts";
import { resetAfterAnswer } from "./after-answer.ts";
import { NodeAnswer } from "./answer-watch.ts";
import type { Connection } from "./connection.ts";
import { headerListBytes } from "./header-list.ts";
import { type UpgradeOffer, upgradeOffer } from "./http1-server.ts";
import type { PortLimits } from "./limits.ts";
import { type MemoryAccount, type RequestMemory, requestMemory } from "./memory-account.ts";
import { NodeExchange } from "./node-exchange.ts";
import type { NodeRequest, NodeResponse } from "./node-messages.ts";
import type { TrustedProxies } from "./proxies.ts";
import { Received } from "./received.ts";
import { NodeHead } from "./received-head.ts";
import type { Serving } from "./serving.ts";

/** What carries requests of node:http and node:http2 to the port. */
export interface NodeRequests {
  readonly serving: Serving;
  readonly limits: PortLimits;
  readonly trustedProxies: TrustedProxies;
  readonly memory: MemoryAccount<Connection>;
}

/** Has a request answered that node:http or node:http2 has read. */
export function serveNodeRequest(
  { serving, limits, trustedProxies, memory }: NodeRequests,
  connection: Connection | undefined,
  request: NodeRequest,
  response: NodeResponse,
): void {
  const address = connection?.address ?? "";
  const received = new Received(new NodeHead(request), {
    address,
    trusted: trustedProxies,
    isEncrypted: "encrypted" in request.socket,
    certificate: connection?.certificate ?? NO_CERTIFICATE,
  });
  const answer = new NodeAnswer(request, response);
  const offer = upgradeOffer(request);
  const exchange: NodeExchange = new NodeExchange({
    call: serving.callOf(received),
    request,
    response,
    received,
    answer,
    memory: connection === undefined ? UNCOUNTED : requestMemory(memory, connection),
    isClosing: () => serving.isClosing || connection?.isRetiring === true,
    isHeadTooLarge: headerListBytes(request.rawHeaders) > limits.headerListBytes,
    takeOver: offer === undefined ? undefined : () => takeOver(offer, connection, answer, over),
  });
  serving.begin(exchange);
  connection?.begin(exchange);
  request.on("error", ignoreLostPeer);
  response.on("error", ignoreLostPeer);
  if (request instanceof Http2ServerRequest && response instanceof Http2ServerResponse) {
    resetAfterAnswer(request, response);
  }
  response.on("close", () => {
    exchange.close();
    over();
  });
  if (request.destroyed) {
    exchange.lose();
  }
  request.on("aborted", () => exchange.lose()); // comes before whoever reads the request's body finds it broken
  serving.dispatch(exchange);

  function over(): void {
    connection?.end(exchange, exchange.call.clock.now());
    serving.over(exchange);
    if (serving.isClosing) {
      connection?.leave();
    }
  }
}

/** A connection that has ended already. */
const UNCOUNTED: RequestMemory = { hold: () => true, release: () => undefined };

/** Gives an upgraded connection away, and its request an end: with the connection's. */
function takeOver(
  offer: UpgradeOffer,
  connection: Connection | undefined,
  answer: NodeAnswer,
  over: () => void,
): UpgradeOffer {
  if (connection !== undefined) {
    connection.speaks = { protocol: "upgraded" };
  }
  answer.replacedBy({ status: 101, bytes: 0 });
  offer.socket.once("close", over);
  return offer;
}

/** A lost peer shows as the close of its answer, and is recorded there; without a listener it would end the process. */
const ignoreLostPeer = () => undefined;
