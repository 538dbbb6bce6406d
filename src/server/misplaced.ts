import type { Socket } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { linger } from "../sockets/linger.ts";

// What peers are told that speak TLS to a port in cleartext, or cleartext to one that speaks TLS: in words that they can read.

const SPEAKS_CLEARTEXT = "this port speaks cleartext: call it by http\n";

/** What every request in cleartext is refused with by a port that speaks TLS: others of its name may still be in cleartext. */
export function speaksTls(): ConnectError {
  return new ConnectError("this port speaks TLS: call it by https", Code.Unavailable);
}

/** Answers a peer that speaks TLS to a port in cleartext, and closes. Clients tell an answer in HTTP from a broken handshake. */
export function answerTls(socket: Socket): void {
  socket.write(
    "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n" +
      `content-length: ${SPEAKS_CLEARTEXT.length}\r\n\r\n${SPEAKS_CLEARTEXT}`,
  );
  linger(socket, socket);
}
