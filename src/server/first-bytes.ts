import type { Socket } from "node:net";
import { answerTls } from "./misplaced.ts";
import { sniff } from "./sniff.ts";

/**
 * Reads a new connection until `decide` has enough of its first bytes, which it gives to whoever goes on; the socket is paused
 * then, and nobody else has touched it. One that ends before is closed.
 *
 * @param decide given all that has come; returns whether it has decided
 */
export function peekFirstBytes(socket: Socket, decide: (bytes: Buffer) => boolean): void {
  let read: Buffer = Buffer.alloc(0);
  const stop = () => {
    socket.off("data", onData);
    socket.off("end", onEnd);
  };
  const onEnd = () => socket.destroy();
  const onData = (chunk: Buffer) => {
    read = read.length === 0 ? chunk : Buffer.concat([read, chunk]);
    socket.pause();
    stop();
    if (!decide(read)) {
      socket.on("end", onEnd);
      socket.on("data", onData);
      socket.resume();
    }
  };
  socket.on("end", onEnd);
  socket.on("data", onData);
}

/**
 * Reads a new connection until its first bytes tell what it speaks, puts them back, and hands it over, paused. One that
 * speaks TLS, which is not spoken here, is told so; one that speaks nothing known, or ends before, is closed without an answer.
 *
 * @param onTls told of one that speaks TLS
 */
export function readFirstBytes(
  socket: Socket,
  handOver: (protocol: "http1" | "http2") => void,
  onTls: () => void,
): void {
  peekFirstBytes(socket, (bytes) => {
    const sniffed = sniff(bytes);
    switch (sniffed) {
      case "more":
        return false;
      case "neither":
        socket.destroy();
        return true;
      case "tls":
        onTls();
        answerTls(socket);
        return true;
      default:
        socket.unshift(bytes);
        handOver(sniffed);
        return true;
    }
  });
}
