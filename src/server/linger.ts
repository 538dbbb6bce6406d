import type { IncomingMessage, ServerResponse } from "node:http";

/** How long a closing connection goes on reading, and how much. */
const LINGER_MS = 1000;
const LINGER_BYTES = 8 * 1024 * 1024;

/**
 * Closes an HTTP/1.1 connection after an answer to a request that was not read to its end, or when the port is closing.
 * The peer may still be sending: closing at once would reset the connection and could take the answer with it (RFC 9112,
 * 9.6), so what comes is dropped for a while first.
 */
export function closeAfterAnswer(request: IncomingMessage, response: ServerResponse, isClosing: () => boolean): void {
  const writeHead = response.writeHead;
  response.writeHead = function (this: ServerResponse, ...parameters: unknown[]) {
    if (!response.headersSent && (!request.complete || isClosing())) {
      response.setHeader("connection", "close");
      if (!request.complete) {
        response.once("finish", () => linger(request));
        const { socket } = request;
        socket.destroySoon = () => undefined; // node:http would; linger does it
      }
    }
    // writeHead has overloads; what is passed through is what came.
    return (writeHead as (...parameters: unknown[]) => ServerResponse).apply(response, parameters);
  } as typeof writeHead;
}

function linger(request: IncomingMessage): void {
  const { socket } = request;
  const limit = socket.bytesRead + LINGER_BYTES;
  const end = () => socket.destroy();
  const timer = setTimeout(end, LINGER_MS);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
  request.once("end", end);
  request.on("data", () => {
    if (socket.bytesRead > limit) {
      end();
    }
  });
  socket.end();
  request.resume();
}
