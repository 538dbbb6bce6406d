import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type Stream, type StreamListener, WindowBudget } from "../../src/http2/index.ts";
import { Http2Socket } from "../../src/sockets/http2-socket.ts";
import { CONTENT_TYPE, MEBIBYTE, RECEIVED, TRAILER } from "./answers.ts";
import { announce, tlsOptions } from "./arguments.ts";

// Our engine at its socket edge, with the limits that the port gives it, and nothing above.

const HEAD: readonly (readonly [string, string])[] = [
  [":status", "200"],
  ["content-type", CONTENT_TYPE],
];
const TRAILERS = [TRAILER];

/** What a peer has to take what was written, in milliseconds. */
const WRITE_STALL_MS = 30_000;
const TICK_MS = 1_000;

const windowBudget = new WindowBudget(16 * 1024 * 1024);
const OPTIONS = {
  role: "server",
  random: Math.random,
  maxConcurrentStreams: 128,
  headerListBytes: 16 * 1024,
  outputBytes: 1024 * 1024,
  connectionWindowBytes: 1024 * 1024,
  maxStreamWindowBytes: 4 * 1024 * 1024,
  windowBudget,
  settingsTimeoutMs: 10_000,
  keepaliveMs: 30_000,
  keepaliveIdle: true,
  pingTimeoutMs: 10_000,
  idleMs: 300_000,
  maxAgeMs: 2 ** 40,
} as const;

/** What all listeners below have in common: a server hears of no head, and the engine queues what it is given. */
abstract class Listener implements StreamListener {
  protected readonly stream: Stream;
  constructor(stream: Stream) {
    this.stream = stream;
  }
  abstract onData(bytes: Uint8Array): void;
  abstract onEnd(): void;
  onHead(): void {
    // a client's
  }
  onInformation(): void {
    // a client's
  }
  onTrailers(): void {
    // a request's, which nobody asks for
  }
  onDrain(): void {
    // all was queued at once
  }
  onClose(): void {
    // nothing is kept
  }
}

class Echo extends Listener {
  #body: Uint8Array | undefined;
  onData(bytes: Uint8Array): void {
    this.#body = this.#body === undefined ? bytes : Buffer.concat([this.#body, bytes]);
    this.stream.consumed(bytes.length);
  }
  onEnd(): void {
    const { stream } = this;
    stream.sendHead(HEAD, false);
    if (this.#body !== undefined) {
      stream.sendData(this.#body, false);
    }
    stream.sendTrailers(TRAILERS);
  }
}

/** Reads a body and sends one that is always the same. */
class Fixed extends Listener {
  readonly #answer: Uint8Array;
  constructor(stream: Stream, answer: Uint8Array) {
    super(stream);
    this.#answer = answer;
  }
  onData(bytes: Uint8Array): void {
    this.stream.consumed(bytes.length);
  }
  onEnd(): void {
    this.stream.sendHead(HEAD, false);
    this.stream.sendData(this.#answer, true);
  }
}

function onStream(stream: Stream): StreamListener {
  switch (stream.head?.path) {
    case "/upload":
      return new Fixed(stream, RECEIVED);
    case "/download":
      return new Fixed(stream, MEBIBYTE);
    default:
      return new Echo(stream);
  }
}

const connections = new Set<Http2Socket>();
const nothing = () => undefined;

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  const options = { ...OPTIONS, now: performance.now() };
  const listener = {
    onStream,
    onPeerSettings: nothing,
    onGoAway: nothing,
    onOver: nothing,
    onFlushed: nothing,
    onBug: nothing,
  };
  const connection = new Http2Socket(socket, options, listener);
  connections.add(connection);
  socket.once("close", () => connections.delete(connection));
}

setInterval(() => {
  const now = performance.now();
  for (const connection of connections) {
    connection.tick(now, WRITE_STALL_MS);
  }
}, TICK_MS);

const server =
  tlsOptions === undefined
    ? createServer(serve)
    : createTlsServer({ ...tlsOptions, ALPNProtocols: ["h2"] }, serve).on("tlsClientError", nothing);
server.listen(0, "127.0.0.1", () => announce(server.address()));
