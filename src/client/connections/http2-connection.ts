import type { Socket } from "node:net";
import type { ConnectError } from "@connectrpc/connect";
import type { Timer } from "../../call/clock.ts";
import {
  ConnectionError,
  ErrorCode,
  errorCodeName,
  type FieldLines,
  type Lines,
  type Stream,
  type StreamError,
  type StreamListener,
} from "../../http2/index.ts";
import { Http2Socket } from "../../sockets/http2-socket.ts";
import type { Connection, ConnectionListener } from "./connection.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import { engineOptions } from "./engine-options.ts";
import { foreignProtocol } from "./foreign-protocol.ts";
import type { AnswerListener, HttpRequest, RequestHead } from "./http-request.ts";
import { Http2Request } from "./http2-request.ts";
import { lostConnection, notConnected } from "./lost-connection.ts";
import { connectErrorOf } from "./stream-error.ts";

/** Where a connection is in its life. */
type State =
  | { readonly kind: "connecting"; readonly deadline: Timer; http2: Http2Socket | undefined }
  | { readonly kind: "ready"; readonly http2: Http2Socket }
  /** Takes no further streams; those that it has go on. */
  | { readonly kind: "draining"; readonly http2: Http2Socket }
  | { readonly kind: "closed" };

const TICK_MS = 1000;
/** How long the peer may take nothing of what was written. */
const WRITE_STALL_MS = 60_000;
/** GOAWAY's debug data from a gRPC server that is sent more PINGs than it allows (gRPC's A8 and A9). */
const TOO_MANY_PINGS = "too_many_pings";

/** A connection by HTTP/2, ready once the peer's SETTINGS have come. */
export class Http2ClientConnection implements Connection {
  readonly #options: ConnectionOptions;
  readonly #listener: ConnectionListener;
  readonly #socket: Socket;
  #state: State;
  /** Streams that were opened. */
  #opened = 0;
  #isReferenced = false;
  /** A tick while streams are open, and the end of the time without any otherwise. */
  #timer: { readonly kind: "tick" | "idle"; readonly timer: Timer } | undefined;
  /** What the socket failed with. */
  #cause: Error | undefined;

  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    this.#options = options;
    this.#listener = listener;
    const socket = options.connect(() => this.#onConnected());
    this.#socket = socket;
    socket.unref(); // who waits for it keeps the process alive
    socket.on("error", (error) => {
      this.#cause ??= error;
    });
    socket.once("end", () => socket.destroy()); // a peer that sends nothing any more answers nothing
    socket.on("close", () => {
      if (this.#http2 === undefined) {
        this.#onClosed("the peer has closed it");
      }
    });
    const { clock, connectTimeoutMs } = options;
    const deadline = clock.schedule(connectTimeoutMs, () => this.#giveUp(connectTimeoutMs));
    this.#state = { kind: "connecting", deadline, http2: undefined };
  }

  get state(): State["kind"] {
    return this.#state.kind;
  }

  get activeCalls(): number {
    return this.#http2?.connection.streamCount ?? 0;
  }

  get maxCalls(): number {
    return this.#http2?.connection.peerSettings.maxConcurrentStreams ?? 0;
  }

  get room(): number {
    if (this.#state.kind !== "ready") {
      return 0;
    }
    const { canOpen, peerSettings, streamCount } = this.#state.http2.connection;
    return canOpen ? Math.min(peerSettings.maxConcurrentStreams - streamCount, this.#streamsLeft) : 0;
  }

  get isOver(): boolean {
    return this.#http2?.connection.isOver !== false;
  }

  get heard(): number {
    return this.#http2?.connection.heard ?? 0;
  }

  /** The peer does not read as fast as is written. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  request(head: RequestHead, body: Uint8Array | null | undefined, listener: AnswerListener): HttpRequest {
    const request = new Http2Request(this, body, listener);
    request.start(head);
    return request;
  }

  /** Opens a stream for a request; undefined where that is not possible any more. */
  open(fields: FieldLines, endStream: boolean, listener: StreamListener, more: Lines | undefined): Stream | undefined {
    if (this.#state.kind !== "ready") {
      return undefined;
    }
    this.#opened++;
    const stream = this.#state.http2.connection.open(fields, endStream, listener, false, more);
    if (this.#streamsLeft <= 0) {
      this.drain();
    }
    this.#updateBusy();
    return stream;
  }

  /** To be called by every stream's `onClose`: its place is free. */
  onStreamClosed(): void {
    this.#updateBusy();
    this.#listener.onRoom();
  }

  /** What the call of a stream fails with that has ended so. */
  errorOf(error: StreamError): ConnectError {
    return this.isOver && !error.isUnprocessed
      ? lostConnection(this.#options.origin, this.#cause ?? error.reason)
      : connectErrorOf(error);
  }

  ping(): void {
    this.#http2?.connection.ping(this.#options.clock.now());
  }

  drain(): void {
    if (this.#state.kind === "ready") {
      this.#state = { kind: "draining", http2: this.#state.http2 };
      this.#listener.onDraining(undefined);
      this.#http2?.connection.leave();
    }
  }

  close(reason: string): void {
    const http2 = this.#http2;
    if (http2 === undefined) {
      this.#onClosed(reason);
      this.#socket.destroy();
    } else if (!http2.connection.isOver) {
      http2.connection.fail(new ConnectionError(ErrorCode.NO_ERROR, reason));
      http2.flush();
    }
  }

  get #streamsLeft(): number {
    return this.#options.maxStreams - this.#opened;
  }

  get #http2(): Http2Socket | undefined {
    return this.#state.kind === "closed" ? undefined : this.#state.http2;
  }

  #giveUp(afterMs: number): void {
    this.#socket.destroy(new Error(`not connected within ${afterMs} ms: ${this.#stage()}`));
  }

  /** What a connection that is not ready waits for. */
  #stage(): string {
    if (this.#http2 !== undefined) {
      return "the peer's SETTINGS have not come";
    }
    return this.#socket.connecting ? "the peer does not accept" : "the TLS handshake is not done";
  }

  #onConnected(): void {
    if (this.#state.kind !== "connecting") {
      return;
    }
    this.#socket.once("data", (bytes: Buffer) => this.#lookAtFirst(bytes)); // before the engine does
    this.#state.http2 = new Http2Socket(this.#socket, engineOptions(this.#options), {
      onStream: () => {
        throw new Error("a server opens no streams"); // the engine refuses push
      },
      onPeerSettings: () => this.#onPeerSettings(),
      onGoAway: (code, debug) => this.#onGoAway(code, debug),
      onOver: (error) => this.#onClosed(error?.message ?? "the connection has ended"),
      onFlushed: () => undefined,
      onBug: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
    });
  }

  /** A peer that does not speak HTTP/2 says so by its first bytes, which the engine could only take for broken frames. */
  #lookAtFirst(bytes: Buffer): void {
    const problem = foreignProtocol(bytes);
    if (problem !== undefined) {
      this.#cause = new Error(problem);
      this.#socket.destroy(this.#cause);
    }
  }

  #onPeerSettings(): void {
    if (this.#state.kind === "connecting" && this.#state.http2 !== undefined) {
      this.#state.deadline.cancel();
      this.#state = { kind: "ready", http2: this.#state.http2 };
      this.#updateBusy();
      this.#listener.onReady();
    } else {
      this.#listener.onRoom();
    }
  }

  #onGoAway(code: number, debug: string): void {
    if (code === ErrorCode.ENHANCE_YOUR_CALM && debug === TOO_MANY_PINGS) {
      this.#options.onTooManyPings();
    }
    const http2 = this.#http2;
    if (http2 === undefined || this.#state.kind === "draining") {
      return;
    }
    if (this.#state.kind === "connecting") {
      this.#state.deadline.cancel();
    }
    this.#state = { kind: "draining", http2 };
    this.#listener.onDraining(debug === "" ? errorCodeName(code) : `${errorCodeName(code)}, ${debug}`);
    this.#updateBusy();
  }

  /** An idle connection neither keeps the process alive nor has anything done every second. */
  #updateBusy(): void {
    const isBusy = this.activeCalls > 0;
    if (isBusy !== this.#isReferenced) {
      this.#isReferenced = isBusy;
      if (isBusy) {
        this.#socket.ref();
      } else {
        this.#socket.unref();
      }
    }
    // The tick is left to find out by itself that there is nothing to do any more: most calls are shorter.
    if (this.#timer?.kind !== "tick" && (this.#state.kind === "ready" || this.#state.kind === "draining")) {
      if (isBusy) {
        this.#schedule("tick");
      } else if (this.#timer === undefined) {
        this.#schedule("idle");
      }
    }
  }

  #schedule(kind: "tick" | "idle"): void {
    this.#timer?.timer.cancel();
    const { clock, idleMs } = this.#options;
    const timer =
      kind === "tick" ? clock.schedule(TICK_MS, () => this.#tick()) : clock.schedule(idleMs, () => this.drain());
    this.#timer = { kind, timer };
  }

  #tick(): void {
    this.#http2?.tick(this.#options.clock.now(), WRITE_STALL_MS);
    if (this.#state.kind !== "closed") {
      this.#schedule(this.activeCalls > 0 ? "tick" : "idle");
    }
  }

  #onClosed(reason: string): void {
    const { kind } = this.#state;
    if (kind === "closed") {
      return;
    }
    if (this.#state.kind === "connecting") {
      this.#state.deadline.cancel();
    }
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    this.#state = { kind: "closed" };
    this.#updateBusy();
    if (this.isBlocked) {
      this.#socket.destroy(); // the peer does not read: what waits is written to nobody
    }
    const why = this.#cause ?? reason;
    this.#listener.onClosed((kind === "connecting" ? notConnected : lostConnection)(this.#options.origin, why));
  }
}
