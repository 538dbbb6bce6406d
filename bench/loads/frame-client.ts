import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { FLAG, FRAME, frame, PREFACE } from "../../test/support/frames.ts";
import { createFieldWriter, type Field } from "./hpack.ts";

/** What a stream's answer brings. Heads are not read: what a call is worth shows in its messages. */
export interface AnswerListener {
  onData(payload: Buffer): void;
  onEnd(): void;
}

/**
 * A client that speaks just enough HTTP/2 to be a load that keeps ahead of the servers: it writes once a turn, and reads
 * nothing of an answer but its messages and its end.
 */
export interface FrameClient extends Disposable {
  /** Begins a call. Its fields are beside `:method` and `:scheme`. */
  open(fields: readonly Field[], body: Buffer, isEnd: boolean, listener: AnswerListener): number;
  /** Sends more of a call's body. */
  send(stream: number, body: Buffer, isEnd: boolean): void;
  /** Ends this side behind what was written, for the server to do the same. */
  end(): void;
}

const WINDOW_UPDATE = 8;
const SETTINGS_INITIAL_WINDOW_SIZE = 4;
/** Larger than any answer here, so that servers never wait for this side. */
const STREAM_WINDOW_BYTES = 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 2 ** 30;
const DEFAULT_WINDOW_BYTES = 65_535;
/** What one turn writes at most; it takes all calls that a connection has here. */
const OUTPUT_BYTES = 256 * 1024;

/** Connects to a port of this machine in cleartext. Whatever breaks the connection or a stream goes to `onFailure`. */
export async function connectFrames(port: number, onFailure: (error: Error) => void): Promise<FrameClient> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  return speakFrames(socket, "http", onFailure);
}

/** The same on a connection that is there, which may be one over TLS. */
export function speakFrames(socket: Socket, scheme: "http" | "https", onFailure: (error: Error) => void): FrameClient {
  const answers = new Map<number, AnswerListener>();
  const writeFields = createFieldWriter(scheme);
  const output = createOutput(socket);
  let nextStream = 1;
  let sendWindow = DEFAULT_WINDOW_BYTES;
  let readBytes = 0;

  function sendData(stream: number, body: Buffer, isEnd: boolean): void {
    sendWindow -= body.length;
    // Bodies here are small, and servers open the window long before it is used up.
    if (sendWindow < 0) throw new Error("The server has not opened its window for what it has read.");
    const at = output.reserve(9 + body.length);
    writeHead(output.bytes, at, body.length, FRAME.data, isEnd ? FLAG.endStream : 0, stream);
    body.copy(output.bytes, at + 9);
    output.commit(at + 9 + body.length);
  }

  function onData(payload: Buffer, stream: number): void {
    readBytes += payload.length;
    if (readBytes > CONNECTION_WINDOW_BYTES / 2) {
      output.write(windowUpdate(readBytes));
      readBytes = 0;
    }
    answers.get(stream)?.onData(payload);
  }

  readFrames(socket, (type, flags, stream, payload) => {
    if (type === FRAME.rstStream || type === FRAME.goaway) {
      onFailure(new Error(`The server has sent ${type === FRAME.goaway ? "GOAWAY" : "RST_STREAM"}.`));
    } else if (type === FRAME.data) {
      onData(payload, stream);
    } else if (type === FRAME.settings && (flags & FLAG.ack) === 0) {
      output.write(frame(FRAME.settings, FLAG.ack, 0));
    } else if (type === FRAME.ping && (flags & FLAG.ack) === 0) {
      output.write(frame(FRAME.ping, FLAG.ack, 0, payload));
    } else if (type === WINDOW_UPDATE && stream === 0) {
      sendWindow += payload.readUInt32BE(0);
    }
    if (type <= FRAME.headers && (flags & FLAG.endStream) !== 0) {
      const listener = answers.get(stream);
      answers.delete(stream);
      listener?.onEnd();
    }
  });
  let isOver = false;
  socket.on("error", () => undefined); // its close follows
  socket.on("close", () => isOver || onFailure(new Error("The server has closed a connection.")));

  const settings = Buffer.alloc(6);
  settings.writeUInt16BE(SETTINGS_INITIAL_WINDOW_SIZE, 0);
  settings.writeUInt32BE(STREAM_WINDOW_BYTES, 2);
  output.write(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0, settings), windowUpdate(CONNECTION_WINDOW_BYTES)]));

  return {
    open(fields, body, isEnd, listener) {
      const stream = nextStream;
      nextStream += 2;
      answers.set(stream, listener);
      const at = output.reserve(9 + 64 * 1024);
      const end = writeFields(output.bytes, at + 9, fields);
      writeHead(output.bytes, at, end - at - 9, FRAME.headers, FLAG.endHeaders, stream);
      output.commit(end);
      if (body.length > 0 || isEnd) sendData(stream, body, isEnd);
      return stream;
    },
    send: sendData,
    end() {
      isOver = true;
      output.end();
    },
    [Symbol.dispose]() {
      isOver = true;
      socket.destroy();
    },
  };
}

function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(WINDOW_UPDATE, 0, 0, payload);
}

function writeHead(out: Buffer, at: number, length: number, type: number, flags: number, stream: number): void {
  out.writeUIntBE(length, at, 3);
  out[at + 3] = type;
  out[at + 4] = flags;
  out.writeUInt32BE(stream, at + 5);
}

/** Collects what a turn writes, and gives it to the socket at once. */
function createOutput(socket: Socket) {
  const bytes = Buffer.allocUnsafe(OUTPUT_BYTES);
  let end = 0;
  let isDue = false;
  const flush = () => {
    isDue = false;
    // A copy: the socket may keep it until the next turn.
    if (end > 0 && socket.writable) socket.write(Buffer.from(bytes.subarray(0, end)));
    end = 0;
  };
  const reserve = (most: number) => {
    if (end + most > bytes.length) flush();
    return end;
  };
  const commit = (to: number) => {
    end = to;
    if (!isDue) {
      isDue = true;
      setImmediate(flush);
    }
  };
  return {
    bytes,
    reserve,
    commit,
    write(chunk: Buffer) {
      const at = reserve(chunk.length);
      commit(at + chunk.copy(bytes, at));
    },
    end() {
      flush();
      socket.end();
    },
  };
}

function readFrames(
  socket: Socket,
  onFrame: (type: number, flags: number, stream: number, payload: Buffer) => void,
): void {
  let rest: Buffer | undefined;
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 9) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const stream = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
      onFrame(bytes[at + 3] ?? 0, bytes[at + 4] ?? 0, stream, bytes.subarray(at + 9, end));
      at = end;
    }
    rest = at < bytes.length ? bytes.subarray(at) : undefined;
  });
}
