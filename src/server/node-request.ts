import { IncomingMessage, ServerResponse } from "node:http";
import { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import type { ActiveCall } from "../call/call.ts";
import { closeAfterAnswer, resetAfterAnswer } from "./after-answer.ts";
import { type AnswerWatch, watchAnswer } from "./answer-watch.ts";
import type { Arrival, Serving } from "./arrival.ts";
import type { Connection } from "./connection.ts";
import { headerListBytes } from "./header-list.ts";
import { type UpgradeOffer, upgradeOffer } from "./http1-server.ts";
import type { PortLimits } from "./limits.ts";
import { type MemoryAccount, type RequestMemory, requestMemory } from "./memory-account.ts";
import { NodeExchange, type NodeRequest, type NodeResponse } from "./node-exchange.ts";
import type { ClientView } from "./proxies.ts";
import { NodeHead } from "./received-head.ts";
import { readTarget } from "./target.ts";

/** Has a request answered that node:http or node:http2 has read. */
export function serveNodeRequest(
  serving: Serving,
  limits: PortLimits,
  memory: MemoryAccount<Connection>,
  connection: Connection | undefined,
  request: NodeRequest,
  response: NodeResponse,
): void {
  const head = new NodeHead(request);
  const answer = watchAnswer(request, response);
  const offer = upgradeOffer(request);
  const kept = connection === undefined ? UNCOUNTED : requestMemory(memory, connection);
  const arrival: Arrival = {
    connection,
    head,
    answer,
    isComplete: () => request.complete,
    exchange: (call: ActiveCall, client: ClientView) =>
      new NodeExchange({
        call,
        request,
        response,
        head,
        memory: kept,
        target: readTarget(head, client),
        isHeadTooLarge: headerListBytes(request.rawHeaders) > limits.headerListBytes,
        takeOver: offer === undefined ? undefined : () => takeOver(offer, connection, answer, underWay.over),
      }),
  };
  const underWay = serving.begin(arrival);
  request.on("error", ignoreLostPeer);
  response.on("error", ignoreLostPeer);
  if (request instanceof IncomingMessage && response instanceof ServerResponse) {
    closeAfterAnswer(request, response, () => serving.isClosing);
  } else if (request instanceof Http2ServerRequest && response instanceof Http2ServerResponse) {
    resetAfterAnswer(request, response);
  }
  response.once("close", () => {
    kept.release();
    if (!answer.finished) {
      underWay.lose();
    }
    underWay.over();
  });
  if (request.destroyed) {
    underWay.lose();
  }
  request.once("aborted", underWay.lose); // comes before whoever reads the request's body finds it broken
  serving.dispatch(underWay);
}

/** A connection that has ended already. */
const UNCOUNTED: RequestMemory = { hold: () => true, release: () => undefined };

/** Gives an upgraded connection away, and its request an end: with the connection's. */
function takeOver(
  offer: UpgradeOffer,
  connection: Connection | undefined,
  answer: Required<AnswerWatch>,
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
