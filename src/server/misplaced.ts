import type { Socket } from "node:net";
import { ErrorCode } from "../http2/index.ts";
import { linger } from "../sockets/linger.ts";
import { sniff } from "./sniff.ts";

// Answers to peers that speak TLS to a port in cleartext, or cleartext to one that speaks TLS: in words that they can read.

const SPEAKS_TLS = "this port speaks TLS: call it by https";
const SPEAKS_CLEARTEXT = "this port speaks cleartext: call it by http";

/**
 * Answers a peer that speaks cleartext to a port that speaks TLS, in the version of HTTP that it speaks, and closes.
 *
 * @param onAnswered told once it is clear what the peer speaks
 * @returns false where that is not clear yet
 */
export function answerCleartext(socket: Socket, bytes: Buffer, onAnswered: () => void): boolean {
  const sniffed = sniff(bytes);
  if (sniffed === "more") {
    return false;
  }
  onAnswered();
  if (sniffed === "http1") {
    // As Connect's clients read it (Connect protocol, "Error").
    answer(socket, "application/json", JSON.stringify({ code: "failed_precondition", message: SPEAKS_TLS }));
  } else if (sniffed === "http2") {
    socket.write(goAway(SPEAKS_TLS));
    linger(socket, socket);
  } else {
    socket.destroy();
  }
  return true;
}

/** Answers a peer that speaks TLS to a port in cleartext, and closes. Clients tell an answer in HTTP from a broken handshake. */
export function answerTls(socket: Socket): void {
  answer(socket, "text/plain", SPEAKS_CLEARTEXT);
}

function answer(socket: Socket, type: string, text: string): void {
  const body = `${text}\n`;
  socket.write(
    `HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: ${type}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  linger(socket, socket);
}

/** The server's preface, an empty SETTINGS frame, and a GOAWAY that processed nothing (RFC 9113, 3.4 and 6.8). */
function goAway(debug: string): Buffer {
  const text = Buffer.from(debug);
  const frame = Buffer.alloc(9 + 8);
  frame.writeUIntBE(8 + text.length, 0, 3);
  frame.writeUInt8(7, 3);
  frame.writeUInt32BE(ErrorCode.INADEQUATE_SECURITY, 13);
  return Buffer.concat([Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]), frame, text]);
}
