import type { Socket } from "node:net";
import { type Stream, type StreamListener, WindowBudget } from "../../src/http2/index.ts";
import { IGNORING } from "../../src/http2/stream.ts";
import { Http2Socket } from "../../src/sockets/http2-socket.ts";
import { envelope } from "../../src/wire/envelope.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** The field by which a caller names its calls. */
export const CALL_FIELD = "x-call";

/** How a server is with calls; everything may be changed at any time. */
export interface Temper {
  /** How long a call takes, in milliseconds. Default 4. */
  delayMs: number;
  maxStreams: number;
  /** Answers `unavailable`. */
  isFailing: boolean;
  /** What is done with a new call instead of dealing with it; true: nothing more. */
  spoil: ((stream: Stream, server: EchoServer) => boolean) | undefined;
  /** The end of an answer is left out, where a protocol has one. */
  omitsTrailers: boolean;
  /** Calls that were dealt with, by their names. */
  readonly served: string[];
}

export const createTemper = (): Temper => ({
  delayMs: 4,
  maxStreams: 100,
  isFailing: false,
  spoil: undefined,
  omitsTrailers: false,
  served: [],
});

/** The other side of a link: our own engine, which answers every call with what it was asked. */
export interface EchoServer {
  readonly http2: Http2Socket;
  /** Takes no stream above this one any more. */
  lastStream: number;
  /** The highest stream that it deals with. */
  readonly highest: number;
  /** How many streams it takes at once, from now on. */
  allow(streams: number): void;
}

export function serveEcho(socket: Socket, clock: VirtualClock, temper: Temper): EchoServer {
  let highest = 0;
  let { maxStreams } = temper;
  const http2 = new Http2Socket(
    socket,
    {
      role: "server",
      now: clock.now(),
      random: () => 0.5,
      get maxConcurrentStreams() {
        return maxStreams;
      },
      headerListBytes: 16_384,
      outputBytes: 1_048_576,
      connectionWindowBytes: 1_048_576,
      maxStreamWindowBytes: 1_048_576,
      windowBudget: new WindowBudget(64 * 1024 * 1024),
      settingsTimeoutMs: 10_000,
      keepaliveMs: 30_000,
      keepaliveIdle: true,
      pingTimeoutMs: 10_000,
      idleMs: 300_000,
      maxAgeMs: Number.POSITIVE_INFINITY,
    },
    {
      onStream(stream) {
        if (stream.id > server.lastStream || temper.spoil?.(stream, server) === true) return IGNORING;
        highest = stream.id;
        temper.served.push(fieldOf(stream, CALL_FIELD));
        return new EchoCall(stream, clock, temper);
      },
      onPeerSettings: () => undefined,
      onGoAway: () => undefined,
      onOver: () => undefined,
      onFlushed: () => undefined,
      onBug: (error) => {
        throw error;
      },
    },
  );
  const server: EchoServer = {
    http2,
    lastStream: Number.POSITIVE_INFINITY,
    get highest() {
      return highest;
    },
    allow(streams) {
      maxStreams = streams;
      http2.connection.changeSettings({ maxConcurrentStreams: streams });
    },
  };
  return server;
}

const fieldOf = ({ head }: Stream, name: string) => head?.fields.find((field) => field.name === name)?.value ?? "";

/** Messages of a server stream, and the time between them in milliseconds. */
const [WATCHED, WATCH_EVERY_MS] = [3, 10];

/** A call by gRPC, gRPC-Web or Connect: of what is asked nothing is read, as the answer is the same. */
class EchoCall implements StreamListener {
  readonly #stream: Stream;
  readonly #clock: VirtualClock;
  readonly #temper: Temper;
  readonly #type: string;
  readonly #path: string;
  readonly #parts: Uint8Array[] = [];
  #hasHead = false;

  constructor(stream: Stream, clock: VirtualClock, temper: Temper) {
    this.#stream = stream;
    this.#clock = clock;
    this.#temper = temper;
    this.#type = fieldOf(stream, "content-type");
    this.#path = stream.head?.path ?? "";
  }

  onHead(): void {
    // a server gets none
  }

  onInformation(): void {
    // a server gets none
  }

  onData(bytes: Uint8Array): void {
    this.#stream.consumed(bytes.length);
    if (this.#path.endsWith("/Converse") && !this.#temper.isFailing) this.#send(Buffer.from(bytes));
    else this.#parts.push(Buffer.from(bytes)); // the engine's bytes are for now only
  }

  onTrailers(): void {
    // no protocol sends any
  }

  onEnd(): void {
    if (this.#path.endsWith("/Converse") && !this.#temper.isFailing) {
      this.#end();
      return;
    }
    this.#clock.schedule(this.#temper.delayMs, () => {
      if (this.#temper.isFailing) this.#fail();
      else if (this.#path.endsWith("/Watch")) this.#watch(WATCHED);
      else this.#answer();
    });
  }

  onDrain(): void {
    // what is sent is small
  }

  onClose(): void {
    // what is sent now goes nowhere
  }

  get #asked(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  /** A unary call by Connect, whose body stands in no envelope. */
  get #isPlain(): boolean {
    return this.#type === "application/proto";
  }

  #answer(): void {
    if (this.#isPlain) {
      this.#head("200");
      this.#stream.sendData(this.#asked, true);
    } else {
      this.#send(this.#asked);
      this.#end();
    }
  }

  #watch(left: number): void {
    if (left === 0) {
      this.#end();
      return;
    }
    this.#send(this.#asked);
    this.#clock.schedule(WATCH_EVERY_MS, () => this.#watch(left - 1));
  }

  #send(bytes: Uint8Array): void {
    this.#head("200");
    this.#stream.sendData(bytes, false);
  }

  #head(status: string): void {
    if (!this.#hasHead) {
      this.#hasHead = true;
      this.#stream.sendHead(
        [
          [":status", status],
          ["content-type", this.#type],
        ],
        false,
      );
    }
  }

  #fail(): void {
    if (this.#isPlain) {
      this.#stream.sendHead(
        [
          [":status", "503"],
          ["content-type", "application/json"],
        ],
        false,
      );
      this.#stream.sendData(Buffer.from('{"code":"unavailable"}'), true);
    } else {
      this.#end(14, '{"error":{"code":"unavailable"}}');
    }
  }

  #end(status = 0, connectEnd = "{}"): void {
    this.#head("200");
    if (this.#temper.omitsTrailers) {
      this.#stream.sendData(Buffer.alloc(0), true);
    } else if (this.#type.startsWith("application/connect")) {
      this.#stream.sendData(envelope(2, Buffer.from(connectEnd)), true);
    } else if (this.#type.startsWith("application/grpc-web")) {
      this.#stream.sendData(envelope(0x80, Buffer.from(`grpc-status: ${status}\r\n`)), true);
    } else {
      this.#stream.sendTrailers([["grpc-status", String(status)]]);
    }
  }
}
