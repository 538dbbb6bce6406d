import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { PortLimits } from "./limits.ts";
import type { NodeRequest } from "./node-exchange.ts";

/** What a connection speaks, once its first bytes have told. */
type Speaks =
  | { readonly protocol: "unknown" }
  | { readonly protocol: "http1" | "upgraded" }
  | { readonly protocol: "http2"; readonly session: ServerHttp2Session };

/** What is to be done with a connection now. */
export type Verdict = "keep" | "ping" | "head-timeout" | "close";

/** A connection of the port and its times. An http.Server that does not listen itself keeps none of this. */
export class Connection {
  readonly socket: Socket;
  speaks: Speaks = { protocol: "unknown" };
  readonly #requests = new Set<NodeRequest>();
  /** When the head of the next request began, while one is being read. */
  #headSince: number | undefined;
  #bytesReadWhenIdle = 0;
  #bytesSeen = 0;
  #changedAt: number;
  /** When an unanswered ping was sent. */
  #pingSince: number | undefined;

  constructor(socket: Socket, now: number) {
    this.socket = socket;
    this.#headSince = now;
    this.#changedAt = now;
  }

  get isIdle(): boolean {
    return this.#requests.size === 0;
  }

  begin(request: NodeRequest): void {
    this.#headSince = undefined;
    this.#requests.add(request);
  }

  end(request: NodeRequest, now: number): void {
    this.#requests.delete(request);
    this.#bytesReadWhenIdle = this.socket.bytesRead;
    this.#changedAt = now;
  }

  /** Judges the connection by the limits. Called at intervals, with `now` in milliseconds. */
  judge(limits: PortLimits, now: number): Verdict {
    const bytes = this.socket.bytesRead + this.socket.bytesWritten;
    if (bytes !== this.#bytesSeen) {
      this.#bytesSeen = bytes;
      this.#changedAt = now;
    }
    const silentMs = now - this.#changedAt;
    if (this.speaks.protocol === "upgraded") {
      return "keep"; // whoever took it over keeps its times
    }
    if (this.speaks.protocol === "http2") {
      return this.#judgeHttp2(limits, now, silentMs);
    }
    if (!this.isIdle) {
      const uploading = [...this.#requests].some((request) => !request.complete);
      return uploading && silentMs > limits.idleMs ? "close" : "keep";
    }
    if (this.socket.bytesRead > this.#bytesReadWhenIdle) {
      this.#headSince ??= now;
    }
    if (this.#headSince !== undefined) {
      return now - this.#headSince > limits.requestHeadMs ? "head-timeout" : "keep";
    }
    return silentMs > limits.idleMs ? "close" : "keep";
  }

  #judgeHttp2(limits: PortLimits, now: number, silentMs: number): Verdict {
    if (this.isIdle) {
      return silentMs > limits.idleMs ? "close" : "keep";
    }
    if (this.#pingSince !== undefined) {
      return now - this.#pingSince > limits.pingTimeoutMs ? "close" : "keep";
    }
    return silentMs > limits.pingAfterMs ? "ping" : "keep";
  }

  /** Asks an HTTP/2 peer whether it is still there. */
  ping(now: number): void {
    if (this.speaks.protocol === "http2" && !this.speaks.session.closed) {
      this.#pingSince = now;
      this.speaks.session.ping(() => {
        this.#pingSince = undefined;
      });
    }
  }

  /** Has the peer leave once its requests are answered: GOAWAY on HTTP/2, the end of an idle connection on HTTP/1.1. */
  leave(): void {
    if (this.speaks.protocol === "http2") {
      this.speaks.session.close();
    } else if (this.isIdle) {
      this.socket.destroySoon();
    }
  }

  destroy(): void {
    if (this.speaks.protocol === "http2") {
      this.speaks.session.destroy();
    }
    this.socket.destroy();
  }
}
