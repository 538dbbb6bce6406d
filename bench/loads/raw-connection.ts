import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { FLAG, FRAME, frame, PREFACE } from "../../test/support/frames.ts";

/** Clients that speak just enough HTTP/2 to be counted: what a client library keeps does not matter, nor does its time. */

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
  const settled = frames.wait((type, flags) => type === FRAME.settings && (flags & FLAG.ack) === 0);
  socket.write(Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0)]));
  await settled;
  socket.write(frame(FRAME.settings, FLAG.ack, 0));
  let nextId = 1;
  const head = (flags: number) => {
    const bytes = frame(FRAME.headers, flags | FLAG.endHeaders, nextId, requestBlock(port));
    nextId += 2;
    return bytes;
  };
  return {
    async request() {
      const id = nextId;
      const answered = frames.wait(
        (type, flags, stream) => type < 2 && stream === id && (flags & FLAG.endStream) !== 0,
      );
      socket.write(head(FLAG.endStream));
      await answered;
    },
    async openStreams(count) {
      const heads = Array.from({ length: count }, () => head(0));
      const acknowledged = frames.wait((type, flags) => type === FRAME.ping && (flags & FLAG.ack) !== 0);
      socket.write(Buffer.concat([...heads, frame(FRAME.ping, 0, 0, Buffer.alloc(8))]));
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
      if (type === FRAME.rstStream || type === FRAME.goaway)
        lose(new Error("The server has reset a stream or the connection."));
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

/** A request's fields without use of the dynamic table (RFC 7541, 6.1, 6.2.2 and appendix A). */
function requestBlock(port: number): Buffer {
  const literal = (index: number, value: string) =>
    Buffer.concat([Buffer.from([index, value.length]), Buffer.from(value)]);
  const methodPostSchemeHttp = Buffer.from([0x83, 0x86]);
  return Buffer.concat([methodPostSchemeHttp, literal(0x04, "/echo"), literal(0x01, `127.0.0.1:${port}`)]);
}
