import type { Socket } from "node:net";
import { sniff } from "./sniff.ts";

/**
 * Reads a new connection until its first bytes tell what it speaks, puts them back, and hands it over, paused. One that
 * speaks neither, or ends before, is closed without an answer.
 */
export function readFirstBytes(socket: Socket, handOver: (protocol: "http1" | "http2") => void): void {
  let read: Buffer = Buffer.alloc(0);
  const onEnd = () => socket.destroy();
  const onData = (chunk: Buffer) => {
    read = read.length === 0 ? chunk : Buffer.concat([read, chunk]);
    const sniffed = sniff(read);
    if (sniffed === "more") {
      return;
    }
    socket.off("data", onData);
    socket.off("end", onEnd);
    if (sniffed === "neither") {
      socket.destroy();
      return;
    }
    socket.pause();
    socket.unshift(read);
    handOver(sniffed);
  };
  socket.on("end", onEnd);
  socket.on("data", onData);
}
