import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { FLAG, FRAME, type Frame, frame, framesIn, headerBlock, PREFACE } from "./frames.ts";

export const PING = 6;
export const WINDOW_UPDATE = 8;

/** The server's side of one connection, by hand. */
export interface FramePeer {
  readonly socket: Socket;
  /** All frames that came so far. */
  frames(): readonly Frame[];
  /** The first frame that matches, as soon as it is there. */
  frame(match: (frame: Frame) => boolean): Promise<Frame>;
  send(...frames: readonly Buffer[]): void;
  /** Resolves once the client has taken all that was sent, and done what follows from it. */
  roundTrip(): Promise<void>;
}

export interface FrameServer extends AsyncDisposable {
  readonly port: number;
  readonly url: URL;
  /** The next connection. */
  peer(): Promise<FramePeer>;
  readonly connections: number;
}

/** A server whose frames are written by the test; it sends SETTINGS, if it is given any, and nothing else by itself. */
export async function frameServer(settings?: readonly (readonly [number, number])[]): Promise<FrameServer> {
  const arrived: FramePeer[] = [];
  const expecting: ((peer: FramePeer) => void)[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    const peer = framePeer(socket);
    if (settings !== undefined) {
      peer.send(settingsFrame(settings));
    }
    const expect = expecting.shift();
    if (expect === undefined) {
      arrived.push(peer);
    } else {
      expect(peer);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number }; // it listens on a port
  return {
    port,
    url: new URL(`http://127.0.0.1:${port}`),
    get connections() {
      return connections;
    },
    peer() {
      const peer = arrived.shift();
      return peer === undefined ? new Promise((resolve) => expecting.push(resolve)) : Promise.resolve(peer);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function framePeer(socket: Socket): FramePeer {
  let received = "";
  let pings = 0;
  const watchers = new Set<() => void>();
  socket.setNoDelay(true).on("error", () => undefined);
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
    for (const look of watchers) look();
  });
  const frames = () => framesIn(received.slice(PREFACE.length));
  const send = (...sent: readonly Buffer[]) => void socket.write(Buffer.concat(sent));
  function find(match: (frame: Frame) => boolean): Promise<Frame> {
    return new Promise((resolve) => {
      const look = () => {
        const found = frames().find(match);
        if (found !== undefined) {
          watchers.delete(look);
          resolve(found);
        }
      };
      watchers.add(look);
      look();
    });
  }
  return {
    socket,
    frames,
    frame: find,
    send,
    async roundTrip() {
      const opaque = Buffer.from(String(++pings).padStart(8, "p"));
      send(frame(PING, 0, 0, opaque));
      await find(({ type, flags, payload }) => type === PING && flags === FLAG.ack && payload.equals(opaque));
    },
  };
}

export function settingsFrame(settings: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [index, [identifier, value]] of settings.entries()) {
    payload.writeUInt16BE(identifier, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(FRAME.settings, 0, 0, payload);
}

export function headFrame(
  stream: number,
  endStream = false,
  fields: readonly (readonly [string, string])[] = [],
): Buffer {
  const flags = FLAG.endHeaders | (endStream ? FLAG.endStream : 0);
  return frame(FRAME.headers, flags, stream, headerBlock([[":status", "200"], ...fields]));
}

export function resetFrame(stream: number, code: number): Buffer {
  return frame(FRAME.rstStream, 0, stream, uint32s(code));
}

export function goAwayFrame(lastStream: number, code = 0, debug = ""): Buffer {
  return frame(FRAME.goaway, 0, 0, Buffer.concat([uint32s(lastStream, code), Buffer.from(debug)]));
}

export function windowUpdateFrame(stream: number, bytes: number): Buffer {
  return frame(WINDOW_UPDATE, 0, stream, uint32s(bytes));
}

export function uint32s(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}
