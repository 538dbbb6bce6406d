import { STATUS_CODES } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { REQUEST_ID_HEADER } from "../call/request-id.ts";
import { linger } from "../sockets/linger.ts";
import { PROBLEM_CONTENT_TYPE, problemFromStatus } from "../wire/problem.ts";

/** The answer that a request gets which node:http could not read. */
export interface Refusal {
  readonly status: number;
  /** Bytes of its body. */
  readonly bytes: number;
}

/** By node:http's error codes. */
const REFUSALS: Readonly<Record<string, readonly [status: number, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "the header list is larger than 16 KiB"],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "the chunk extensions are too large"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "the head of the request did not come in time"],
};

/** As node:http would say it if it kept the times of its connections. */
export const HEAD_TIMEOUT = Object.assign(new Error("the head of a request is late"), {
  code: "ERR_HTTP_REQUEST_TIMEOUT",
});

/** node:http's parser found something wrong, other than the connection's end in the middle. */
export function isMalformed({ code }: NodeJS.ErrnoException): boolean {
  return code?.startsWith("HPE_") === true && code !== "HPE_INVALID_EOF_STATE";
}

/**
 * Answers, and closes the connection. Undefined where nobody is left to be answered.
 *
 * @param code node:http's code for what went wrong
 */
export function refuseUnread(code: string | undefined, socket: Duplex, requestId: string): Refusal | undefined {
  if (code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return undefined;
  }
  const [status, detail] = REFUSALS[code ?? ""] ?? [400, "the request is not HTTP/1.1"];
  const body = JSON.stringify(problemFromStatus(status, detail, requestId));
  socket.write(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: ${PROBLEM_CONTENT_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n${REQUEST_ID_HEADER}: ${requestId}\r\n\r\n${body}`,
  );
  socket.removeAllListeners("data"); // node:http's parser has given up, and would fail again with every further byte
  if (socket instanceof Socket) {
    linger(socket, socket);
  } else {
    socket.end();
  }
  return { status, bytes: Buffer.byteLength(body) };
}
