import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import { LINGER_MS, linger } from "../sockets/linger.ts";

/**
 * Closes an HTTP/1.1 connection after an answer to a request that was not read to its end, or when the port is closing. To be
 * called before the head of the answer is written.
 */
export function closeAfterAnswer(request: IncomingMessage, response: ServerResponse, isClosing: boolean): void {
  const unread = !request.complete && announcesBody(request);
  if (response.headersSent || !(unread || isClosing)) {
    return;
  }
  response.setHeader("connection", "close");
  if (unread) {
    const { socket } = request;
    socket.destroySoon = () => undefined; // node:http would; linger does it
    response.once("finish", () => linger(socket, request));
  }
}

/** Has something done before the head of an answer is written, by whomever. */
export function beforeHead(response: ServerResponse, act: () => void): void {
  const writeHead = response.writeHead;
  response.writeHead = ((...parameters: unknown[]) => {
    act();
    // writeHead has overloads; what is passed through is what came.
    return (writeHead as (...parameters: unknown[]) => ServerResponse).apply(response, parameters);
  }) as typeof writeHead;
}

/**
 * Ends an HTTP/2 stream after an answer to a request that was not read to its end: the rest of it is not wanted (RFC 9113,
 * 8.1). Nobody else would, and the stream would stay for as long as the caller cannot send.
 */
export function resetAfterAnswer(request: Http2ServerRequest, response: Http2ServerResponse): void {
  const { stream } = request;
  const reset = () => {
    if (!request.complete) {
      stream.close(constants.NGHTTP2_NO_ERROR);
    }
  };
  // A reset overtakes what is not written yet. Trailers, which every answer with a body has here, are written as soon as
  // those who listen to this event have given theirs; `finish` comes before. An answer without a body has none.
  stream.once("wantTrailers", () => setImmediate(reset));
  stream.once("finish", resetSoon);
  if (request.method === "HEAD") {
    const { end } = response;
    // The answer to a HEAD ends with its head, without a finish. `end` has overloads; what is passed through is what came.
    response.end = ((...parameters: unknown[]) => {
      resetSoon();
      return (end as (...parameters: unknown[]) => Http2ServerResponse).apply(response, parameters);
    }) as typeof end;
  }

  function resetSoon() {
    if (!request.complete) {
      request.resume();
      const timer = setTimeout(reset, LINGER_MS);
      timer.unref();
      stream.once("close", () => clearTimeout(timer));
    }
  }
}

/** Whether a body follows the head (RFC 9112, 6.3). Without one, node:http still calls a request incomplete at first. */
function announcesBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}
