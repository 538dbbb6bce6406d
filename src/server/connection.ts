import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import type { Clock } from "../call/clock.ts";
import type { AnswerWatch } from "./answer-watch.ts";
import type { PortLimits } from "./limits.ts";
import type { NodeRequest } from "./node-exchange.ts";
import { plainAddress } from "./proxies.ts";

/** A request on a connection, until its answer is over. */
export interface RequestUnderWay {
  readonly request: NodeRequest;
  readonly call: ActiveCall;
  readonly answer: AnswerWatch;
}

/** Ends a request whose caller went away. */
export function lose({ call, answer }: RequestUnderWay): void {
  answer.lose();
  call.interrupt(new ConnectError("the caller went away", Code.Canceled));
}

/** What a connection speaks, once its first bytes have told. */
type Speaks =
  | { readonly protocol: "unknown" }
  | { readonly protocol: "http1" | "upgraded" }
  | { readonly protocol: "http2"; readonly session: ServerHttp2Session };

/** How long a peer that has closed its side counts as one that reads, without a byte sent to it. */
const HALF_CLOSED_MS = 250;

/** What is to be done with a connection now. */
export type Verdict = "keep" | "ping" | "head-timeout" | "close";

/** A connection of the port and its times. An http.Server that does not listen itself keeps none of this. */
export class Connection {
  readonly socket: Socket;
  /** The peer's address; remembered, as a socket that has ended knows it no more. */
  readonly address: string;
  speaks: Speaks = { protocol: "unknown" };
  readonly #requests = new Set<RequestUnderWay>();
  readonly #whenIdle: (() => void)[] = [];
  /** When the head of the next request began, while one is being read. */
  #headSince: number | undefined;
  #bytesReadWhenIdle = 0;
  #bytesSeen = 0;
  #changedAt: number;
  /** When the last request had been answered. */
  #idleSince: number;
  /** When an unanswered ping was sent. */
  #pingSince: number | undefined;

  constructor(socket: Socket, now: number) {
    this.socket = socket;
    this.address = plainAddress(socket.remoteAddress);
    this.#headSince = now;
    this.#changedAt = now;
    this.#idleSince = now;
  }

  get isIdle(): boolean {
    return this.#requests.size === 0;
  }

  /** The requests under way, in the order in which they came. */
  get requests(): ReadonlySet<RequestUnderWay> {
    return this.#requests;
  }

  begin(request: RequestUnderWay): void {
    this.#headSince = undefined;
    this.#requests.add(request);
  }

  end(request: RequestUnderWay, now: number): void {
    this.#requests.delete(request);
    this.#bytesReadWhenIdle = this.socket.bytesRead;
    this.#changedAt = now;
    this.#idleSince = now;
    if (this.isIdle) {
      for (const act of this.#whenIdle.splice(0)) {
        act();
      }
    }
  }

  /** Calls `act` once every request under way has its answer. */
  onceIdle(act: () => void): void {
    this.#whenIdle.push(act);
  }

  /**
   * Ends the connection soon after its peer has closed its own side: that peer may still read (`nc -N` does) or be gone,
   * and TCP does not tell. So the answers under way get a moment, again and again while they get on.
   */
  outliveHalfClose(clock: Clock): void {
    const { bytesWritten } = this.socket;
    clock.schedule(HALF_CLOSED_MS, () => {
      if (this.speaks.protocol === "upgraded") {
        return; // whoever took it over sees the end
      }
      if (this.socket.bytesWritten === bytesWritten) {
        this.socket.destroy();
      } else {
        this.outliveHalfClose(clock);
      }
    });
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
      const uploading = [...this.#requests].some(({ request }) => !request.complete);
      const waitsForPeer = uploading || this.socket.writableLength > 0;
      return waitsForPeer && silentMs > limits.idleMs ? "close" : "keep";
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
    if (this.isIdle && now - this.#idleSince > limits.idleMs) {
      return "close";
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
    } else if (this.isIdle && this.speaks.protocol !== "upgraded") {
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
