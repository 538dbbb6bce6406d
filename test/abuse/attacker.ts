import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { FLAG, FRAME, frame, headerBlock, PREFACE } from "../support/frames.ts";

// A peer that sends whatever frames it is told to, and counts what comes back.

export { frame, headerBlock };

export const TYPE = { ...FRAME, priority: 2, pushPromise: 5, ping: 6, windowUpdate: 8 } as const;
export const FLAGS = { ...FLAG, padded: 8, priority: 0x20 } as const;
/** Error codes of RFC 9113, 7, by number. */
export const ERROR = {
  protocol: 1,
  flowControl: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSize: 6,
  refusedStream: 7,
  cancel: 8,
  compression: 9,
  enhanceYourCalm: 11,
} as const;
const SETTING = { headerTableBytes: 1, initialWindowBytes: 4, maxFrameBytes: 5 } as const;

const BATCH_BYTES = 64 * 1024;
const FRAME_HEAD_BYTES = 9;

export interface AttackerOptions {
  /** SETTINGS_INITIAL_WINDOW_SIZE of the attacker. Default 65,535. */
  readonly initialWindowBytes?: number;
  readonly headerTableBytes?: number;
  /** Whether it acknowledges the server's SETTINGS. Default true. */
  readonly acknowledges?: boolean;
  /** Whether it grants again what it was sent. Default false. */
  readonly grants?: boolean;
}

export interface Attacker extends Disposable {
  readonly socket: Socket;
  /** Sends in one go; resolves when it is written, false once the connection is gone. */
  send(...frames: readonly Uint8Array[]): Promise<boolean>;
  /** Sends `count` of what `make` makes, as long as the connection takes them. Resolves with how many it sent. */
  flood(count: number, make: (index: number) => Uint8Array): Promise<number>;
  /** Resolves once the server has answered a PING, and so has read all that was sent before. */
  settle(): Promise<void>;
  /** Resolves with the error code of the GOAWAY that ends the connection. */
  goAway(): Promise<number>;
  /** Resolves once `probe` holds; asked whenever something came. Fails when the connection ends before. */
  until(probe: () => boolean): Promise<void>;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  /** Streams that the server has reset, with their codes. */
  readonly resets: ReadonlyMap<number, number>;
  /** Streams that the server has ended, in order. */
  readonly ended: ReadonlySet<number>;
  /** The DATA that came, in bytes; on every stream. */
  readonly dataBytes: number;
  /** What of a window the server has granted beyond 65,535, in all: a stream's, or the connection's with 0. */
  grantedBytes(stream: number): number;
  /** What the server said in HEADERS of a stream, undecoded. */
  headersOf(stream: number): string;
}

export async function attacker(url: string, options: AttackerOptions = {}): Promise<Attacker> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await once(socket, "connect");
  const resets = new Map<number, number>();
  const ended = new Set<number>();
  const headers = new Map<number, string>();
  const watchers = new Set<() => void>();
  let goAwayCode: number | undefined;
  let dataBytes = 0;
  const granted = new Map<number, number>();
  let pongs = 0;
  let pings = 0;
  let isGone = false;
  let rest: Buffer = Buffer.alloc(0);

  socket.on("error", () => undefined); // a reset shows as the close that follows
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= FRAME_HEAD_BYTES) {
      const end = at + FRAME_HEAD_BYTES + rest.readUIntBE(at, 3);
      if (end > rest.length) break;
      onFrame(
        rest.readUInt8(at + 3),
        rest.readUInt8(at + 4),
        rest.readUInt32BE(at + 5) & 0x7fff_ffff,
        rest.subarray(at + FRAME_HEAD_BYTES, end),
      );
      at = end;
    }
    rest = Buffer.from(rest.subarray(at));
    wake();
  });
  const closed = new Promise<void>((resolve) => {
    const end = () => {
      isGone = true;
      wake();
      resolve();
    };
    socket.once("end", end);
    socket.once("close", end);
  });

  function onFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    const endsStream = (flags & FLAGS.endStream) !== 0 && (type === TYPE.data || type === TYPE.headers);
    if (endsStream) ended.add(stream);
    switch (type) {
      case TYPE.data:
        dataBytes += payload.length;
        if (options.grants === true && payload.length > 0) {
          socket.write(Buffer.concat([windowUpdate(0, payload.length), windowUpdate(stream, payload.length)]));
        }
        break;
      case TYPE.headers:
        headers.set(stream, (headers.get(stream) ?? "") + payload.toString("latin1"));
        break;
      case TYPE.rstStream:
        resets.set(stream, payload.readUInt32BE(0));
        break;
      case TYPE.settings:
        if ((flags & FLAGS.ack) === 0 && options.acknowledges !== false)
          socket.write(frame(TYPE.settings, FLAGS.ack, 0));
        break;
      case TYPE.ping:
        if ((flags & FLAGS.ack) === 0) socket.write(frame(TYPE.ping, FLAGS.ack, 0, payload));
        else pongs++;
        break;
      case TYPE.windowUpdate:
        granted.set(stream, (granted.get(stream) ?? 0) + payload.readUInt32BE(0));
        break;
      case TYPE.goaway: {
        const code = payload.readUInt32BE(4);
        if (code !== 0) goAwayCode = code;
        break;
      }
      default:
    }
  }

  function wake(): void {
    for (const watcher of [...watchers]) watcher();
  }

  function when<T>(probe: () => T | undefined | false, wanted: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = probe();
        if (found === undefined || found === false) {
          if (!isGone) return;
          reject(new Error(`the connection ended before ${wanted}; GOAWAY: ${goAwayCode}`));
        } else {
          resolve(found);
        }
        watchers.delete(look);
      };
      watchers.add(look);
      look();
    });
  }

  function send(...frames: readonly Uint8Array[]): Promise<boolean> {
    return new Promise((resolve) => {
      if (isGone || goAwayCode !== undefined || !socket.writable) {
        resolve(false);
        return;
      }
      const settled = () => {
        socket.off("close", settled);
        watchers.delete(look);
        resolve(!isGone && goAwayCode === undefined);
      };
      const look = () => {
        if (isGone || goAwayCode !== undefined) settled();
      };
      watchers.add(look);
      socket.once("close", settled);
      socket.write(frames.length === 1 ? (frames[0] as Uint8Array) : Buffer.concat(frames), settled);
    });
  }

  const settings: (readonly [number, number])[] = [];
  if (options.initialWindowBytes !== undefined) settings.push([SETTING.initialWindowBytes, options.initialWindowBytes]);
  if (options.headerTableBytes !== undefined) settings.push([SETTING.headerTableBytes, options.headerTableBytes]);
  await send(PREFACE, settingsFrame(settings));

  return {
    socket,
    send,
    closed,
    resets,
    ended,
    get dataBytes() {
      return dataBytes;
    },
    grantedBytes: (stream) => granted.get(stream) ?? 0,
    headersOf: (stream) => headers.get(stream) ?? "",
    async flood(count, make) {
      let batch: Uint8Array[] = [];
      let bytes = 0;
      for (let index = 0; index < count; index++) {
        const made = make(index);
        batch.push(made);
        bytes += made.length;
        if (bytes >= BATCH_BYTES || index === count - 1) {
          if (!(await send(...batch))) return index + 1;
          await new Promise((resolve) => setImmediate(resolve)); // lets what came be read
          batch = [];
          bytes = 0;
        }
      }
      return count;
    },
    async settle() {
      pings++;
      const wanted = pings;
      await send(frame(TYPE.ping, 0, 0, Buffer.alloc(8, "s")));
      await when(() => pongs >= wanted, "a PING was answered");
    },
    goAway: () => when(() => goAwayCode, "GOAWAY"),
    until: async (probe) => {
      await when(() => (probe() ? true : undefined), String(probe));
    },
    [Symbol.dispose]: () => socket.resetAndDestroy(),
  };
}

type Fields = readonly (readonly [name: string, value: string])[];

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  settings.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  });
  return frame(TYPE.settings, 0, 0, payload);
}

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame(TYPE.windowUpdate, 0, stream, uint32(increment));
}

export function reset(stream: number, code: number = ERROR.cancel): Buffer {
  return frame(TYPE.rstStream, 0, stream, uint32(code));
}

export function headers(stream: number, fields: Fields, endStream: boolean): Buffer {
  return frame(TYPE.headers, FLAGS.endHeaders | (endStream ? FLAGS.endStream : 0), stream, headerBlock(fields));
}

export function data(stream: number, bytes: Uint8Array | number = 0, endStream = false): Buffer {
  const payload = typeof bytes === "number" ? Buffer.alloc(bytes) : bytes;
  return frame(TYPE.data, endStream ? FLAGS.endStream : 0, stream, payload);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The head of a request to the besieged service. */
export function request(method: string, path: string, ...more: Fields): Fields {
  return [[":method", method], [":scheme", "http"], [":path", path], [":authority", "besieged"], ...more];
}

export function grpcRequest(method: string, ...more: Fields): Fields {
  const type = ["content-type", "application/grpc"] as const;
  return request("POST", `/behaviour.v1.BehaviourService/${method}`, type, ["te", "trailers"], ...more);
}

/** A gRPC message: its prefix and bytes. */
export function message(bytes: Uint8Array, flags = 0): Buffer {
  return Buffer.concat([Buffer.of(flags), uint32(bytes.length), bytes]);
}

/** The id of a client's n-th stream. */
export function nth(index: number): number {
  return index * 2 + 1;
}
