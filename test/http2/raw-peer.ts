import {
  type ConnectionError,
  type ConnectionOptions,
  errorCodeName,
  Http2Connection,
  type Stream,
  type StreamListener,
  WindowBudget,
} from "../../src/http2/index.ts";
import { FLAG, FRAME, frame, framesIn, headerBlock, PREFACE } from "../support/frames.ts";

export type Lines = readonly (readonly [name: string, value: string])[];

export const REQUEST: Lines = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/"],
  [":authority", "test"],
];

export const OPTIONS: ConnectionOptions = {
  role: "server",
  now: 0,
  random: () => 0.5,
  maxConcurrentStreams: 100,
  headerListBytes: 16_384,
  outputBytes: 1_000_000,
  connectionWindowBytes: 65_535,
  maxStreamWindowBytes: 65_535,
  windowBudget: new WindowBudget(10_000_000),
  settingsTimeoutMs: 10_000,
  keepaliveMs: 1_000_000,
  keepaliveIdle: false,
  pingTimeoutMs: 5000,
  idleMs: 1_000_000,
  maxAgeMs: 10_000_000,
};

const TYPES = [
  "DATA",
  "HEADERS",
  "PRIORITY",
  "RST_STREAM",
  "SETTINGS",
  "PUSH_PROMISE",
  "PING",
  "GOAWAY",
  "WINDOW_UPDATE",
  "CONTINUATION",
];

/** A connection of the engine whose peer is the test, which writes frames and reads them as words. */
export class RawPeer {
  readonly connection: Http2Connection;
  /** What listeners were told, in order: "onData 1 5", "onClose 1 CANCEL", "onOver". */
  readonly events: string[] = [];
  readonly streams: Stream[] = [];
  isUnprocessed: number[] = [];
  error: ConnectionError | undefined;
  readonly #isServer: boolean;
  /** Called with a stream that the peer has opened. */
  onStream: (stream: Stream) => void = () => undefined;

  /** @param isGreeted settings are exchanged already, and what was written for it is taken */
  constructor(options: Partial<ConnectionOptions> = {}, isGreeted = true) {
    this.#isServer = options.role !== "client";
    this.connection = new Http2Connection(
      { ...OPTIONS, windowBudget: new WindowBudget(10_000_000), ...options },
      {
        onOutput: () => undefined,
        onStream: (stream) => {
          stream.listener = this.listener(stream);
          this.streams.push(stream);
          this.events.push(`onStream ${stream.id}`);
          this.onStream(stream);
          return stream.listener;
        },
        onPeerSettings: () => undefined,
        onGoAway: (code, debug) => this.events.push(`onGoAway ${errorCodeName(code)} ${debug}`.trim()),
        onOver: (error) => {
          this.error = error;
          this.events.push(error === undefined ? "onOver" : `onOver ${errorCodeName(error.code)}`);
        },
      },
    );
    if (isGreeted) {
      this.send(...(this.#isServer ? [PREFACE] : []), frame(FRAME.settings, 0, 0), frame(FRAME.settings, FLAG.ack, 0));
      this.written();
    }
  }

  send(...frames: readonly Buffer[]): void {
    this.connection.receive(Buffer.concat(frames));
  }

  /** Opens a stream (client). */
  open(fields: Lines = REQUEST, endStream = false, isHead = false): Stream {
    let stream: Stream | undefined;
    const listener = new Proxy({} as StreamListener, {
      get: (_, name) => Reflect.get(this.listener(stream as Stream), name), // by then it is opened
    });
    stream = this.connection.open(fields, endStream, listener, isHead);
    if (stream === undefined) {
      throw new Error("no stream can be opened");
    }
    return stream;
  }

  listener(stream: Stream | undefined): StreamListener {
    const id = () => stream?.id ?? "unopened";
    const told = (event: string) => this.events.push(event);
    return {
      onHead: ({ status }) => told(`onHead ${id()} ${status}`),
      onInformation: ({ status }) => told(`onInformation ${id()} ${status}`),
      onData: (bytes) => told(`onData ${id()} ${bytes.length}`),
      onTrailers: (fields) => told(`onTrailers ${id()} ${fields.map(({ name, value }) => `${name}=${value}`).join()}`),
      onEnd: () => told(`onEnd ${id()}`),
      onDrain: () => told(`onDrain ${id()}`),
      onClose: (error) => {
        told(error === undefined ? `onClose ${id()}` : `onClose ${id()} ${errorCodeName(error.code)}`);
        if (error?.isUnprocessed && stream !== undefined) {
          this.isUnprocessed.push(stream.id);
        }
      },
    };
  }

  /** What the engine has written since it was last asked. */
  takeBytes(): Buffer {
    const bytes = Buffer.concat(this.connection.takeOutput());
    this.connection.outputTaken(true);
    return bytes;
  }

  /** What the engine has written since it was last asked, a frame a line, without the preface. */
  written(): readonly string[] {
    const text = this.takeBytes().toString("latin1");
    const preface = PREFACE.toString("latin1");
    return framesIn(text.startsWith(preface) ? text.slice(preface.length) : text).map(inWords);
  }
}

/** "RST_STREAM 1 CANCEL", "DATA 3 5 END_STREAM", "WINDOW_UPDATE 0 +100", "GOAWAY 1 NO_ERROR". */
export function inWords({ type, flags, stream, payload }: ReturnType<typeof framesIn>[number]): string {
  const name = TYPES[type] ?? `type ${type}`;
  const flagged = (flag: number, word: string) => ((flags & flag) !== 0 ? ` ${word}` : "");
  switch (name) {
    case "DATA":
      return `DATA ${stream} ${payload.length}${flagged(1, "END_STREAM")}`;
    case "HEADERS":
      return `HEADERS ${stream}${flagged(1, "END_STREAM")}${(flags & 4) === 0 ? " and more" : ""}`;
    case "CONTINUATION":
      return `CONTINUATION ${stream}${(flags & 4) === 0 ? " and more" : ""}`;
    case "RST_STREAM":
      return `RST_STREAM ${stream} ${errorCodeName(payload.readUInt32BE())}`;
    case "GOAWAY":
      return `GOAWAY ${payload.readUInt32BE()} ${errorCodeName(payload.readUInt32BE(4))}`;
    case "WINDOW_UPDATE":
      return `WINDOW_UPDATE ${stream} +${payload.readUInt32BE()}`;
    default:
      return `${name}${flagged(1, "ACK")}`;
  }
}

export function settings(...values: readonly (readonly [identifier: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(values.length * 6);
  values.forEach(([identifier, value], index) => {
    payload.writeUInt16BE(identifier, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return frame(FRAME.settings, 0, 0, payload);
}

export function headers(streamId: number, fields: Lines = REQUEST, endStream = false): Buffer {
  const flags = FLAG.endHeaders | (endStream ? FLAG.endStream : 0);
  return frame(FRAME.headers, flags, streamId, headerBlock(fields));
}

export function data(streamId: number, bytes: number | Buffer, endStream = false): Buffer {
  const payload = typeof bytes === "number" ? Buffer.alloc(bytes, "x") : bytes;
  return frame(FRAME.data, endStream ? FLAG.endStream : 0, streamId, payload);
}

/** A frame of a few numbers of 32 bits. */
export function numbers(type: number, streamId: number, ...values: readonly number[]): Buffer {
  const payload = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => {
    payload.writeUInt32BE(value, index * 4);
  });
  return frame(type, 0, streamId, payload);
}
