import type { Socket } from "node:net";
import type { Clock, Timer } from "../call/clock.ts";
import type { PeerCertificate } from "../tls/identity.ts";
import type { Http2Peer } from "./http2-peer.ts";
import type { PortLimits } from "./limits.ts";
import type { NodeExchange } from "./node-exchange.ts";
import { plainAddress } from "./proxies.ts";

/** What a connection speaks, once its first bytes have told. */
type Speaks =
  | { readonly protocol: "unknown" }
  | { readonly protocol: "http1" | "upgraded" }
  | { readonly protocol: "http2"; readonly peer: Http2Peer };

/** How long a peer that has closed its side counts as one that reads, without a byte sent to it. */
const HALF_CLOSED_MS = 250;

/** How long ago a connection of HTTP/1.1 has had a request, or was opened, to count as one that brings the next soon. */
const LATELY_MS = 2000;
/** How long such a connection is kept for its next request, or for the rest of its head, once the port is closing. */
const LAST_REQUEST_MS = 1000;

/** What calls have left on a connection whose peer's certificate has ended: who it is counts no longer. */
const EXPIRED_MS = 60_000;

/** What is to be done with a connection now. */
export type Verdict = "keep" | "head-timeout" | "close";

/** A connection of the port and its times. An http.Server that does not listen itself keeps none of this. */
export class Connection {
  readonly socket: Socket;
  /** The peer's address; remembered, as a socket that has ended knows it no more. */
  readonly address: string;
  /** What became of the certificate that the peer was asked for. */
  readonly certificate: PeerCertificate;
  speaks: Speaks = { protocol: "unknown" };
  readonly #clock: Clock;
  readonly #requests: NodeExchange[] = [];
  /** Its next answer over HTTP/1.1 is its last. */
  #isRetiring = false;
  readonly #whenIdle: (() => void)[] = [];
  /** When the head of the next request began, while one is being read. */
  #headSince: number | undefined;
  #bytesReadWhenIdle = 0;
  #bytesSeen = 0;
  #changedAt: number;
  /** When it was opened, or its last answer was over. */
  #idleSince: number;
  /** It is kept for its next request though the port is closing. */
  #lastRequest: Timer | undefined;

  constructor(socket: Socket, certificate: PeerCertificate, clock: Clock) {
    this.socket = socket;
    this.certificate = certificate;
    this.address = plainAddress(socket.remoteAddress);
    this.#clock = clock;
    const now = clock.now();
    this.#headSince = now;
    this.#changedAt = now;
    this.#idleSince = now;
  }

  get isIdle(): boolean {
    return this.#requests.length === 0;
  }

  /** The requests under way that node:http or node:http2 has read, in the order in which they came. */
  get requests(): readonly NodeExchange[] {
    return this.#requests;
  }

  begin(request: NodeExchange): void {
    this.#lastRequest?.cancel();
    this.#lastRequest = undefined;
    this.#headSince = undefined;
    this.#requests.push(request);
  }

  end(request: NodeExchange, now: number): void {
    const at = this.#requests.indexOf(request);
    if (at !== -1) {
      this.#requests.splice(at, 1);
    }
    this.#bytesReadWhenIdle = this.socket.bytesRead;
    this.#changedAt = now;
    this.#idleSince = now;
    if (this.isIdle && this.#whenIdle.length > 0) {
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
  outliveHalfClose(): void {
    const { bytesWritten } = this.socket;
    this.#clock.schedule(HALF_CLOSED_MS, () => {
      if (this.speaks.protocol === "upgraded") {
        return; // whoever took it over sees the end
      }
      if (this.socket.bytesWritten === bytesWritten) {
        this.socket.destroy();
      } else {
        this.outliveHalfClose();
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
    const { endsAt = Number.POSITIVE_INFINITY } = this.certificate;
    if (now >= endsAt + EXPIRED_MS) {
      return "close";
    }
    if (now >= endsAt) {
      this.retire();
    }
    if (this.speaks.protocol === "upgraded") {
      return "keep"; // whoever took it over keeps its times
    }
    if (this.speaks.protocol === "http2") {
      this.speaks.peer.tick(now); // keeps its own times
      return "keep";
    }
    if (!this.isIdle) {
      const uploading = this.#requests.some((request) => !request.isComplete());
      const waitsForPeer = uploading || this.socket.writableLength > 0;
      return waitsForPeer && silentMs > limits.idleMs ? "close" : "keep";
    }
    if (this.#isReadingHead) {
      this.#headSince ??= now;
    }
    if (this.#headSince !== undefined) {
      return now - this.#headSince > limits.requestHeadMs ? "head-timeout" : "keep";
    }
    return silentMs > limits.idleMs ? "close" : "keep";
  }

  get #isReadingHead(): boolean {
    return this.socket.bytesRead > this.#bytesReadWhenIdle;
  }

  /**
   * Has the peer leave once its requests are answered: GOAWAY on HTTP/2. HTTP/1.1 has no such word: a peer learns of it
   * by the `connection: close` of an answer, and a request that crosses the end of its connection is lost (RFC 9112, 9.5).
   * So an idle connection is kept for its next request for a moment, where one is likely to come.
   */
  leave(): void {
    if (this.speaks.protocol === "http2") {
      this.speaks.peer.leave();
    } else if (this.isIdle && this.speaks.protocol !== "upgraded" && this.#lastRequest === undefined) {
      this.#leaveIdle();
    }
  }

  get isRetiring(): boolean {
    return this.#isRetiring;
  }

  /** Has the peer leave as {@link leave} does, but without haste: over HTTP/1.1 by its next answer, however long that takes. */
  retire(): void {
    if (!this.#isRetiring && this.speaks.protocol === "http2") {
      this.speaks.peer.leave();
    }
    this.#isRetiring = true;
  }

  #leaveIdle(): void {
    const { socket } = this;
    const isOver = socket.writableEnded || socket.readableEnded; // by its last answer, or by its peer
    if (isOver || !(this.#isReadingHead || this.#clock.now() - this.#idleSince <= LATELY_MS)) {
      socket.destroySoon();
      return;
    }
    const end = () => {
      if (this.speaks.protocol !== "http2") {
        socket.destroySoon();
      }
    };
    this.#lastRequest = this.#clock.schedule(LAST_REQUEST_MS, () => {
      if (this.#isReadingHead) {
        this.#lastRequest = this.#clock.schedule(LAST_REQUEST_MS, end);
      } else {
        end();
      }
    });
  }

  destroy(): void {
    if (this.speaks.protocol === "http2") {
      this.speaks.peer.destroy();
    }
    this.socket.destroy();
  }
}
