import type { Socket } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Timer } from "../../call/clock.ts";
import { ConnectionError, ErrorCode, type Http2Connection, type StreamError } from "../../http2/index.ts";
import { Http2Socket } from "../../sockets/http2-socket.ts";
import { WaitingLine } from "../balancing/waiting-line.ts";
import { type ClientConnectionOptions, engineOptions, type PendingStream } from "./client-connection-options.ts";
import { connectErrorOf } from "./stream-error.ts";

/** Where a connection is in its life. */
type State =
  | { readonly kind: "connecting"; readonly socket: Socket; readonly deadline: Timer; http2: Http2Socket | undefined }
  | { readonly kind: "open"; readonly http2: Http2Socket }
  /** Takes no further streams; those that it has go on. */
  | { readonly kind: "leaving"; readonly http2: Http2Socket }
  | { readonly kind: "closed" };

const TICK_MS = 1000;
/** How long the peer may take nothing of what was written. */
const WRITE_STALL_MS = 60_000;
/** GOAWAY's debug data from a gRPC server that is sent more PINGs than it allows (gRPC's A8 and A9). */
const TOO_MANY_PINGS = "too_many_pings";

/** A connection to a target, on which streams are opened, within the peer's limit: those above it wait for others to end. */
export class ClientConnection {
  readonly #options: ClientConnectionOptions;
  readonly #socket: Socket;
  #state: State;
  readonly #waiting = new WaitingLine<PendingStream>();
  /** Streams that were accepted, opened or not. */
  #taken = 0;
  #isPumping = false;
  #isReferenced = true;
  /** A tick while streams are open, and the end of the time without any otherwise. */
  #timer: { readonly kind: "tick" | "idle"; readonly timer: Timer } | undefined;
  /** What the socket failed with. */
  #cause: Error | undefined;

  constructor(options: ClientConnectionOptions) {
    this.#options = options;
    const socket = options.connect(() => this.#onReady());
    this.#socket = socket;
    socket.on("error", (error) => {
      this.#cause ??= error;
    });
    socket.once("end", () => socket.destroy()); // a peer that sends nothing any more answers nothing
    socket.on("close", () => {
      if (this.#http2 === undefined) {
        this.#onClosed("the peer has closed it");
      }
    });
    const deadline = options.clock.schedule(options.connectTimeoutMs, () => {
      socket.destroy(new Error(`not connected within ${options.connectTimeoutMs} ms`));
    });
    this.#state = { kind: "connecting", socket, deadline, http2: undefined };
  }

  get state(): State["kind"] {
    return this.#state.kind;
  }

  /** The peer does not read as fast as is written. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Whether it takes further streams. */
  get isUsable(): boolean {
    const { kind } = this.#state;
    return (kind === "connecting" || kind === "open") && this.#taken < this.#options.maxStreams;
  }

  /** Opens a stream as soon as that is possible. To be called only while {@link isUsable}. */
  open(pending: PendingStream): void {
    if (this.#waiting.size >= this.#options.maxWaiting) {
      const message = `${this.#waiting.size} calls already wait for the connection to ${this.#options.origin}`;
      pending.onUnopened(new ConnectError(message, Code.ResourceExhausted));
      return;
    }
    this.#taken++;
    const state = this.#state;
    if (state.kind === "open" && state.http2.connection.canOpen && this.#waiting.size === 0 && !this.#isPumping) {
      openStream(state.http2.connection, pending);
      this.#leaveIfSpent();
    } else {
      this.#waiting.add(pending);
      this.#pump();
    }
    this.#updateBusy();
  }

  /** A stream that waits is no longer wanted. */
  withdraw(pending: PendingStream): void {
    this.#waiting.remove(pending);
    this.#updateBusy();
  }

  /** To be called by every stream's `onClose`: its place is free. */
  onStreamClosed(): void {
    this.#pump();
    this.#updateBusy();
  }

  /** What the call of a stream fails with that has ended so. */
  errorOf(error: StreamError): ConnectError {
    return this.#http2?.connection.isOver && !error.isUnprocessed
      ? this.#unavailable("was lost", error.reason)
      : connectErrorOf(error);
  }

  /** Ends the connection and all its streams at once. */
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

  get #http2(): Http2Socket | undefined {
    return this.#state.kind === "closed" ? undefined : this.#state.http2;
  }

  #onReady(): void {
    if (this.#state.kind !== "connecting") {
      return;
    }
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

  #onPeerSettings(): void {
    if (this.#state.kind === "connecting" && this.#state.http2 !== undefined) {
      this.#state.deadline.cancel();
      this.#state = { kind: "open", http2: this.#state.http2 };
    }
    this.#pump();
    this.#updateBusy();
  }

  #onGoAway(code: number, debug: string): void {
    if (code === ErrorCode.ENHANCE_YOUR_CALM && debug === TOO_MANY_PINGS) {
      this.#options.onTooManyPings();
    }
    if (this.#state.kind === "connecting") {
      this.#state.deadline.cancel();
    }
    const http2 = this.#http2;
    if (http2 !== undefined) {
      this.#state = { kind: "leaving", http2 };
    }
    const error = this.#unavailable("takes no more calls", "the peer leaves");
    for (let pending = this.#waiting.take(); pending !== undefined; pending = this.#waiting.take()) {
      pending.onDisplaced(error);
    }
    this.#updateBusy();
  }

  #pump(): void {
    if (this.#state.kind !== "open" || this.#isPumping) {
      return;
    }
    const { connection } = this.#state.http2;
    this.#isPumping = true; // a stream that cannot be opened closes at once, and comes back here
    while (connection.canOpen) {
      const pending = this.#waiting.take();
      if (pending === undefined) {
        break;
      }
      openStream(connection, pending);
    }
    this.#isPumping = false;
    this.#leaveIfSpent();
  }

  #leaveIfSpent(): void {
    if (this.#taken >= this.#options.maxStreams && this.#waiting.size === 0) {
      this.#leave();
    }
  }

  #leave(): void {
    if (this.#state.kind === "open") {
      this.#state = { kind: "leaving", http2: this.#state.http2 };
      this.#state.http2.connection.leave();
    }
  }

  /** An idle connection neither keeps the process alive nor has anything done every second. */
  #updateBusy(): void {
    const isBusy = this.#isBusy();
    if (isBusy !== this.#isReferenced) {
      this.#isReferenced = isBusy;
      if (isBusy) {
        this.#socket.ref();
      } else {
        this.#socket.unref();
      }
    }
    // The tick is left to find out by itself that there is nothing to do any more: most calls are shorter.
    if (this.#timer?.kind !== "tick" && (this.#state.kind === "open" || this.#state.kind === "leaving")) {
      if (isBusy) {
        this.#schedule("tick");
      } else if (this.#timer === undefined) {
        this.#schedule("idle");
      }
    }
  }

  #isBusy(): boolean {
    return this.#state.kind !== "closed" && (this.#waiting.size > 0 || (this.#http2?.connection.streamCount ?? 0) > 0);
  }

  #schedule(kind: "tick" | "idle"): void {
    this.#timer?.timer.cancel();
    const { clock, idleMs } = this.#options;
    const timer =
      kind === "tick" ? clock.schedule(TICK_MS, () => this.#tick()) : clock.schedule(idleMs, () => this.#leave());
    this.#timer = { kind, timer };
  }

  #tick(): void {
    this.#http2?.tick(this.#options.clock.now(), WRITE_STALL_MS);
    if (this.#state.kind !== "closed") {
      this.#schedule(this.#isBusy() ? "tick" : "idle");
    }
  }

  #onClosed(reason: string): void {
    if (this.#state.kind === "closed") {
      return;
    }
    const error = this.#unavailable(this.#state.kind === "connecting" ? "could not be made" : "was lost", reason);
    if (this.#state.kind === "connecting") {
      this.#state.deadline.cancel();
    }
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    this.#state = { kind: "closed" };
    this.#failWaiting(error);
    this.#updateBusy();
    if (this.isBlocked) {
      this.#socket.destroy(); // the peer does not read: what waits is written to nobody
    }
    this.#options.onClosed();
  }

  #failWaiting(error: ConnectError): void {
    for (let pending = this.#waiting.take(); pending !== undefined; pending = this.#waiting.take()) {
      pending.onUnopened(error);
    }
  }

  #unavailable(what: string, reason: string): ConnectError {
    const cause = this.#cause;
    const message = `the connection to ${this.#options.origin} ${what}: ${cause === undefined ? reason : named(cause)}`;
    return new ConnectError(message, Code.Unavailable, undefined, undefined, cause);
  }
}

function openStream(connection: Http2Connection, pending: PendingStream): void {
  const stream = connection.open(pending.fields, pending.endStream, pending, false, pending.more);
  if (stream !== undefined && !stream.isClosed) {
    pending.onOpen(stream);
  }
}

/** The operating system's name for what went wrong, such as ECONNREFUSED; else what the error says. */
function named(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return /^E[A-Z0-9]+$/.test(code) ? code : error.message;
}
