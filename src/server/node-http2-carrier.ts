import * as http2 from "node:http2";
import type { Logger } from "../call/logger.ts";
import type { Carrier } from "./carrier.ts";
import type { Connection } from "./connection.ts";
import { type NodeRequests, serveNodeRequest } from "./node-request.ts";

/**
 * Speaks HTTP/2 by node:http2, for who wants that below (`HTTP2_ENGINE=node`). It answers as our own engine does, but
 * keeps neither its limits nor its times, drains by a single GOAWAY, and is slower.
 */
export function createNodeHttp2Carrier(requests: NodeRequests, log: Logger): Carrier {
  const { limits, serving } = requests;
  const streams = new WeakMap<http2.Http2Stream, Connection>();
  const server = http2.createServer({
    settings: { maxConcurrentStreams: limits.streamsPerConnection, maxHeaderListSize: limits.headerListBytes },
  });
  const onRequest = (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) =>
    serveNodeRequest(requests, streams.get(request.stream), request, response);
  server.on("request", onRequest);
  server.on("checkContinue", onRequest); // the exchange says when to go on
  server.on("checkExpectation", onRequest); // an expectation that is not known is ignored (RFC 9110, 10.1.1)
  server.on("connect", onRequest); // refused for its target
  server.on("sessionError", (error) => log.debug({ err: error }, "an HTTP/2 connection failed"));

  function onSession(connection: Connection, session: http2.ServerHttp2Session): void {
    connection.speaks = {
      protocol: "http2",
      peer: {
        tick: () => undefined,
        leave: () => session.close(),
        calmDown: () => session.destroy(),
        destroy: () => session.destroy(),
      },
    };
    // Before the request is made of it: a stream that is reset at once knows its session no more.
    session.prependListener("stream", (stream) => streams.set(stream, connection));
    if (serving.isClosing) {
      session.close();
    }
  }

  return {
    accept(connection) {
      const onOwnSession = (session: http2.ServerHttp2Session) => onSession(connection, session);
      server.once("session", onOwnSession); // emitted before the next line returns
      server.emit("connection", connection.socket);
      // Of TLS without ALPN there is none: the next connection's session, and its requests, must not count as this one's.
      server.off("session", onOwnSession);
    },
  };
}
