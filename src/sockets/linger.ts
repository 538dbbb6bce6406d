import type { Socket } from "node:net";
import type { Readable } from "node:stream";

/** How long what is closing goes on reading, in milliseconds, and how much. */
export const LINGER_MS = 1000;
const LINGER_BYTES = 8 * 1024 * 1024;

/**
 * Ends a connection whose peer may still be sending: closing at once would reset it and could take the answer with it
 * (RFC 9112, 9.6), so what still comes from `source` is dropped for a while first.
 */
export function linger(socket: Socket, source: Readable): void {
  const limit = socket.bytesRead + LINGER_BYTES;
  const end = () => socket.destroy();
  const timer = setTimeout(end, LINGER_MS);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
  source.once("end", end);
  // The socket's own event: node:http drops a request's body itself once it is answered, and tells nobody.
  socket.on("data", () => {
    if (socket.bytesRead > limit) {
      end();
    }
  });
  socket.end();
  source.resume();
}
