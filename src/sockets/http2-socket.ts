import type { Socket } from "node:net";
import {
  ConnectionError,
  type ConnectionListener,
  type ConnectionOptions,
  ErrorCode,
  Http2Connection,
} from "../http2/index.ts";
import { atEndOfTurn } from "./end-of-turn.ts";
import { linger } from "./linger.ts";

/** What waits to be written to a peer that does not read, in bytes, before nothing more is read of it either. */
const UNWRITTEN_BYTES = 512 * 1024;
/** What a connection that is over has to write its last words, in milliseconds. */
const LAST_WORDS_MS = 1000;

/** What is told of the connection that a socket carries. */
export interface Http2SocketListener extends Omit<ConnectionListener, "onOutput"> {
  /** What waited was written, as far as the peer takes it. */
  onFlushed(): void;
  /** Something threw that must not: the connection ends by it, and nothing else. */
  onBug(error: unknown): void;
}

/**
 * Carries an HTTP/2 connection over a socket: what comes goes in, and what comes out is written once a turn of the event
 * loop, as fast as the peer takes it.
 */
export class Http2Socket {
  readonly socket: Socket;
  readonly connection: Http2Connection;
  #isScheduled = false;
  /** The socket has more than it can pass on. */
  #isBlocked = false;
  #blockedSince: number | undefined;
  #lossReason = "the connection was closed";

  readonly #listener: Http2SocketListener;

  constructor(socket: Socket, options: ConnectionOptions, listener: Http2SocketListener) {
    this.socket = socket;
    this.#listener = listener;
    this.connection = new Http2Connection(options, {
      onOutput: () => this.#schedule(),
      onStream: (stream) => listener.onStream(stream),
      onPeerSettings: (settings) => listener.onPeerSettings(settings),
      onGoAway: (code, debug) => listener.onGoAway(code, debug),
      onOver: (error) => listener.onOver(error),
    });
    socket.on("data", this.#onData);
    socket.on("drain", this.#onDrain);
    socket.on("error", this.#onError);
    socket.on("close", () => this.connection.lost(this.#lossReason));
    socket.resume(); // whoever has read its first bytes has paused it
    this.#schedule();
  }

  /**
   * Lets time pass, about once a second.
   *
   * @param writeStallMs what the peer has to take what was written
   */
  tick(now: number, writeStallMs: number): void {
    this.connection.tick(now, this.#isBlocked);
    this.#blockedSince = this.#isBlocked ? (this.#blockedSince ?? now) : undefined;
    const allowedMs = this.connection.isOver ? LAST_WORDS_MS : writeStallMs;
    if (this.#blockedSince !== undefined && now - this.#blockedSince > allowedMs) {
      this.#lossReason = "the peer does not read";
      this.socket.destroy();
    }
  }

  /** Writes what waits. Called at the end of the turn. */
  flush(): void {
    this.#isScheduled = false;
    try {
      this.#write();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#listener.onBug(error);
    this.connection.fail(new ConnectionError(ErrorCode.INTERNAL_ERROR, "internal error"));
    this.socket.destroySoon();
  }

  #write(): void {
    const { socket, connection } = this;
    if (this.#isBlocked || socket.destroyed || !socket.writable) {
      return;
    }
    const parts = connection.takeOutput();
    if (parts.length === 1) {
      socket.write(parts[0] as Uint8Array); // the only one
    } else if (parts.length > 1) {
      socket.cork();
      for (const part of parts) {
        socket.write(part);
      }
      socket.uncork();
    }
    connection.outputTaken(socket.writableLength === 0);
    this.#isBlocked = socket.writableNeedDrain;
    if (connection.isOver) {
      socket.off("data", this.#onData);
      linger(socket, socket);
    } else if (!this.#isBlocked && connection.hasMoreOutput) {
      this.#schedule();
    }
    this.#listener.onFlushed();
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.connection.receive(chunk);
    } catch (error) {
      this.#fail(error);
    }
    if (this.#isBlocked && this.connection.outputBytes > UNWRITTEN_BYTES) {
      this.socket.pause();
    }
  };

  readonly #onDrain = (): void => {
    this.#isBlocked = false;
    this.#blockedSince = undefined;
    this.socket.resume();
    this.flush();
  };

  readonly #onError = (error: Error): void => {
    this.#lossReason = error.message;
  };

  #schedule(): void {
    if (!this.#isScheduled && !this.#isBlocked) {
      this.#isScheduled = true;
      atEndOfTurn(this);
    }
  }
}
