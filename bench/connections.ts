import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Clients that speak just enough HTTP/2 to be counted: what a client library keeps does not matter, nor does its time. */

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const stepMs = 15_000;

export interface RawConnection extends Disposable {
  /** Sends a request without a body to `/echo` and waits for the end of the answer. */
  request(): Promise<void>;
  /** Opens streams with a request's head each, and no end, and waits until the server has read them. */
  openStreams(count: number): Promise<void>;
}

/** Connects to a port of this machine in cleartext, and waits for the server's SETTINGS. */
export async function connectRaw(port: number): Promise<RawConnection> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  const frames = readFrames(socket);
  const settled = frames.wait((type, flags) => type === SETTINGS && (flags & ACK) === 0);
  socket.write(Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0, 0)]));
  await settled;
  socket.write(frame(SETTINGS, ACK, 0));
  let nextId = 1;
  const head = (flags: number) => {
    const bytes = frame(HEADERS, flags | END_HEADERS, nextId, requestBlock(port));
    nextId += 2;
    return bytes;
  };
  return {
    async request() {
      const id = nextId;
      const answered = frames.wait((type, flags, stream) => type < 2 && stream === id && (flags & END_STREAM) !== 0);
      socket.write(head(END_STREAM));
      await answered;
    },
    async openStreams(count) {
      const heads = Array.from({ length: count }, () => head(0));
      const acknowledged = frames.wait((type, flags) => type === PING && (flags & ACK) !== 0);
      socket.write(Buffer.concat([...heads, frame(PING, 0, 0, Buffer.alloc(8))]));
      await acknowledged;
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

type FramePredicate = (type: number, flags: number, stream: number) => boolean;

function readFrames(socket: Socket): { wait(isWanted: FramePredicate): Promise<void> } {
  let rest: Buffer = Buffer.alloc(0);
  let look: FramePredicate = () => false;
  let found: () => void = () => undefined;
  let lose: (error: Error) => void = () => undefined;
  socket.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const type = rest.readUInt8(3);
      if (type === RST_STREAM || type === GOAWAY) lose(new Error("The server has reset a stream or the connection."));
      if (look(type, rest.readUInt8(4), rest.readUInt32BE(5) & 0x7fff_ffff)) found();
      rest = rest.subarray(9 + rest.readUIntBE(0, 3));
    }
  });
  socket.on("error", () => undefined); // its close follows
  socket.once("close", () => lose(new Error("The server has closed a connection.")));
  return {
    wait: (isWanted) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`No answer within ${stepMs / 1_000} s.`)), stepMs);
        look = isWanted;
        lose = reject;
        found = () => {
          clearTimeout(timer);
          look = () => false;
          resolve();
        };
      }),
  };
}

function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A request's fields without use of the dynamic table (RFC 7541, 6.1, 6.2.2 and appendix A). */
function requestBlock(port: number): Buffer {
  const literal = (index: number, value: string) =>
    Buffer.concat([Buffer.from([index, value.length]), Buffer.from(value)]);
  const methodPostSchemeHttp = Buffer.from([0x83, 0x86]);
  return Buffer.concat([methodPostSchemeHttp, literal(0x04, "/echo"), literal(0x01, `127.0.0.1:${port}`)]);
}
