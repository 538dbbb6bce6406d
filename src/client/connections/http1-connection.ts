import { request as begin, type OutgoingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Timer } from "../../call/clock.ts";
import type { Connection, ConnectionListener, ConnectionState } from "./connection.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import type { AnswerListener, HttpRequest, RequestHead } from "./http-request.ts";
import { Http1Request } from "./http1-request.ts";
import { lostConnection, notConnected } from "./lost-connection.ts";
import { OneSocketAgent } from "./one-socket-agent.ts";

/** A connection by HTTP/1.1: one call at a time, by node:http. */
export class Http1Connection implements Connection {
  readonly maxCalls = 1;
  readonly #options: ConnectionOptions;
  readonly #listener: ConnectionListener;
  readonly #socket: Socket;
  readonly #agent: OneSocketAgent;
  readonly #deadline: Timer;
  #state: ConnectionState = "connecting";
  #isBusy = false;
  /** The one under way. */
  #request: Http1Request | undefined;
  #hasServed = false;
  #idleTimer: Timer | undefined;
  #cause: Error | undefined;

  constructor(options: ConnectionOptions, listener: ConnectionListener) {
    this.#options = options;
    this.#listener = listener;
    const { clock, connectTimeoutMs } = options;
    const socket = options.connect(() => this.#onReady());
    this.#socket = socket;
    socket.unref(); // who waits for it keeps the process alive
    socket.on("error", (error) => {
      this.#cause ??= error;
    });
    socket.on("close", () => this.#onSocketClosed());
    this.#agent = new OneSocketAgent(socket);
    this.#agent.on("free", () => this.#onFree());
    this.#deadline = clock.schedule(connectTimeoutMs, () => {
      const stage = socket.connecting ? "the peer does not accept" : "the TLS handshake is not done";
      socket.destroy(new Error(`not connected within ${connectTimeoutMs} ms: ${stage}`));
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get activeCalls(): number {
    return this.#isBusy ? 1 : 0;
  }

  get room(): number {
    return this.#state === "ready" && !this.#isBusy && !this.isOver ? 1 : 0;
  }

  get isOver(): boolean {
    return !this.#socket.writable;
  }

  get heard(): number {
    return this.#socket.bytesRead;
  }

  request(head: RequestHead, body: Uint8Array | null | undefined, listener: AnswerListener): HttpRequest {
    const { method, path } = head;
    const agent = this.#agent;
    const errorOf = (error: Error) => this.#errorOf(error);
    const send = (headers: OutgoingHttpHeaders) => {
      const request = begin({ agent, method, path, headers }); // which throws before it has the socket, if it throws
      this.#isBusy = true;
      this.#idleTimer?.cancel();
      this.#socket.ref();
      return request;
    };
    this.#request = new Http1Request(send, head, body, listener, errorOf);
    return this.#request;
  }

  ping(): void {
    // HTTP/1.1 has no way to ask
  }

  drain(): void {
    if (this.#state === "connecting" || this.#state === "ready") {
      this.#state = "draining";
      this.#listener.onDraining(undefined);
      this.#endIfDone();
    }
  }

  close(reason: string): void {
    this.#onClosed(reason);
    this.#socket.destroy(new Error(reason));
  }

  #errorOf(error: Error): ConnectError {
    const isUnreadable = "code" in error && String(error.code).startsWith("HPE_"); // Node's parser of HTTP
    return isUnreadable
      ? new ConnectError(error.message, Code.Internal, undefined, undefined, error)
      : lostConnection(this.#options.origin, this.#cause ?? error);
  }

  #onReady(): void {
    if (this.#state === "connecting") {
      this.#deadline.cancel();
      this.#state = "ready";
      this.#beIdle();
      this.#listener.onReady();
    }
  }

  /** The agent has its socket back; one that cannot be used again is destroyed by now. */
  #onFree(): void {
    this.#isBusy = false;
    this.#request = undefined;
    this.#hasServed = true;
    this.#endIfDone();
    if (this.room > 0) {
      this.#beIdle();
      this.#listener.onRoom();
    }
  }

  /** An idle connection does not keep the process alive, and is not kept for ever. */
  #beIdle(): void {
    this.#socket.unref();
    this.#idleTimer = this.#options.clock.schedule(this.#options.idleMs, () => this.drain());
  }

  #endIfDone(): void {
    if (this.#state === "draining" && !this.#isBusy) {
      this.#socket.destroy();
    }
  }

  /** Behind a call that was answered or given up it is no loss: connections of HTTP/1.1 end so. */
  #onSocketClosed(): void {
    const isInOrder = this.#request === undefined ? this.#hasServed : !this.#request.wasBrokenOff;
    if (this.#state === "ready" && isInOrder) {
      this.#state = "draining";
      this.#listener.onDraining(undefined);
    }
    this.#onClosed("the peer has closed it");
  }

  #onClosed(reason: string): void {
    const before = this.#state;
    if (before === "closed") {
      return;
    }
    this.#state = "closed";
    this.#deadline.cancel();
    this.#idleTimer?.cancel();
    this.#agent.destroy();
    const error: (origin: string, why: Error | string) => ConnectError =
      before === "connecting" ? notConnected : lostConnection;
    this.#listener.onClosed(error(this.#options.origin, this.#cause ?? reason));
  }
}
