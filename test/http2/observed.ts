import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import {
  errorCodeName,
  Http2Connection,
  type Stream,
  type StreamListener,
  WindowBudget,
} from "../../src/http2/index.ts";
import { framesIn, PREFACE } from "../support/frames.ts";
import { OPTIONS } from "./raw-peer.ts";

/** What a server's application sees of a request. */
export interface ObservedRequest {
  readonly head: string;
  readonly authority: string | undefined;
  body: string;
  trailers: string;
  isComplete: boolean;
}

/** What can be seen of a server that was sent some bytes and does not answer. */
export interface Observed {
  /** By the stream's identifier. */
  readonly requests: ReadonlyMap<number, ObservedRequest>;
  /** By the stream's identifier: the names of the codes by which the server has reset streams. */
  readonly resets: ReadonlyMap<number, string>;
  /** The name of the code with which the connection has ended; "closed" without one, undefined where it lives. */
  readonly end: string | undefined;
  /** Nothing is left of which more would have to come: the last frame was answered. */
  readonly hasReadAll: boolean;
  /** The bytes hold an answer to a PING that nobody has sent. */
  readonly hasStrayPing: boolean;
  /** What the engine has counted against the peer; empty for node:http2. */
  readonly faults: readonly string[];
}

const PING_TYPE = 6;
const RST_STREAM_TYPE = 3;
const GOAWAY_TYPE = 7;
/** What the last frame of every case carries: its answer tells that all before was read. */
export const LAST_PING = Buffer.from("the last");
const SILENCE_MS = 30;

/** Runs the engine on bytes. */
export function observeEngine(bytes: Buffer): Observed {
  const requests = new Map<number, ObservedRequest>();
  const connection = new Http2Connection(
    { ...OPTIONS, windowBudget: new WindowBudget(0) },
    {
      onOutput: () => undefined,
      onStream: (stream) => {
        const { method, path, authority, fields } = stream.head as NonNullable<typeof stream.head>; // a server's have one
        const request = { head: headOf(method, path, fields), authority, body: "", trailers: "", isComplete: false };
        requests.set(stream.id, request);
        return recorder(stream, request);
      },
      onPeerSettings: () => undefined,
      onGoAway: () => undefined,
      onOver: () => undefined,
    },
  );
  connection.receive(bytes);
  const written = Buffer.concat(connection.takeOutput());
  const said = saidBy(written);
  const frames = framesIn(bytes.subarray(PREFACE.length).toString("latin1"));
  return {
    requests,
    ...said,
    end: said.end ?? (connection.isOver ? "closed" : undefined),
    hasStrayPing: frames.some(({ type, flags }) => type === PING_TYPE && (flags & 1) !== 0),
    faults: [...connection.faults.keys()],
  };
}

function recorder(stream: Stream, request: ObservedRequest): StreamListener {
  return {
    onHead: () => undefined,
    onInformation: () => undefined,
    onData: (bytes) => {
      request.body += Buffer.from(bytes).toString("latin1");
      stream.consumed(bytes.length);
    },
    onTrailers: (fields) => {
      request.trailers = linesOf(fields.map(({ name, value }) => [name, value]));
    },
    onEnd: () => {
      request.isComplete = true;
    },
    onDrain: () => undefined,
    onClose: () => undefined,
  };
}

/** Runs node:http2's server on bytes, each time on a connection of its own. */
export async function createNodeObserver() {
  const server: Http2Server = createServer();
  let requests = new Map<number, ObservedRequest>();
  server.on("stream", (stream: ServerHttp2Stream, headers, _flags, raw: readonly string[]) => {
    const { ":method": method, ":path": path } = headers;
    const fields = [];
    for (let at = 0; at < raw.length; at += 2) {
      fields.push({ name: raw[at] ?? "", value: raw[at + 1] ?? "" });
    }
    const request = {
      head: headOf(method, path, fields),
      authority: headers[":authority"],
      body: "",
      trailers: "",
      isComplete: false,
    };
    requests.set(stream.id as number, request); // a stream that has come has an identifier
    stream.on("data", (bytes: Buffer) => {
      request.body += bytes.toString("latin1");
    });
    stream.on("trailers", (_trailers, _flags, rawTrailers: readonly string[]) => {
      request.trailers = linesOf(
        rawTrailers.flatMap((name, at) => (at % 2 === 0 ? [[name, rawTrailers[at + 1] ?? ""]] : [])),
      );
    });
    stream.on("end", () => {
      request.isComplete = !stream.aborted;
    });
    stream.on("error", () => undefined);
  });
  server.on("sessionError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  async function observe(bytes: Buffer): Promise<Observed> {
    const own = new Map<number, ObservedRequest>();
    requests = own;
    const socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    const chunks: Buffer[] = [];
    let isClosed = false;
    await new Promise<void>((resolve) => {
      const silence = setTimeout(resolve, SILENCE_MS);
      const done = () => {
        clearTimeout(silence);
        resolve();
      };
      socket.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        silence.refresh();
        if (Buffer.concat(chunks).includes(LAST_PING)) {
          done();
        }
      });
      socket.on("close", () => {
        isClosed = true;
        done();
      });
      socket.on("error", () => undefined);
      socket.write(bytes);
    });
    for (let turns = 0; turns < 4; turns++) {
      await new Promise((resolve) => setImmediate(resolve)); // streams tell their end a turn later
    }
    socket.destroy();
    const said = saidBy(Buffer.concat(chunks));
    return {
      requests: own,
      ...said,
      hasStrayPing: false,
      faults: [],
      end: said.end ?? (isClosed ? "closed" : undefined),
    };
  }

  return { observe, close: () => server.close() };
}

function headOf(
  method: string | undefined,
  path: string | undefined,
  fields: readonly { readonly name: string; readonly value: string }[],
): string {
  const regular = fields.filter(({ name }) => !name.startsWith(":"));
  return `${method} ${path} ${linesOf(regular.map(({ name, value }) => [name, value]))}`;
}

function linesOf(lines: readonly (readonly string[])[]): string {
  return lines.map((line) => line.join("=")).join("&");
}

function saidBy(bytes: Buffer): Pick<Observed, "resets" | "end" | "hasReadAll"> {
  const resets = new Map<number, string>();
  let end: string | undefined;
  let hasReadAll = false;
  for (const { type, flags, stream, payload } of framesIn(bytes.toString("latin1"))) {
    if (type === RST_STREAM_TYPE && !resets.has(stream)) {
      resets.set(stream, errorCodeName(payload.readUInt32BE()));
    } else if (type === GOAWAY_TYPE) {
      end = errorCodeName(payload.readUInt32BE(4));
    } else if (type === PING_TYPE && (flags & 1) !== 0 && payload.equals(LAST_PING)) {
      hasReadAll = true;
    }
  }
  return { resets, end, hasReadAll };
}
