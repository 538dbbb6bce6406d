import type { Socket } from "node:net";
import { FRAME, PREFACE } from "../../support/frames.ts";

/** What passed on a connection that may be HTTP/2. */
export interface Http2Watch {
  /** The last stream of each GOAWAY that the server sent (RFC 9113, 6.8). */
  readonly goAways: readonly number[];
  /** The last stream that the client opened. */
  readonly lastStream: number;
  /** The streams that the server refused to process. */
  readonly refused: readonly number[];
}

const FRAME_HEAD_BYTES = 9;
const REFUSED_STREAM = 7;

/** Reads along; of a connection that is not HTTP/2 it sees nothing. */
export function watchHttp2(client: Socket, server: Socket): Http2Watch {
  const goAways: number[] = [];
  const refused: number[] = [];
  let lastStream = 0;
  let isHttp2 = false;
  const onClient = frameReader((type, stream) => {
    if (type === FRAME.headers) lastStream = Math.max(lastStream, stream);
  });
  const onServer = frameReader((type, stream, payload) => {
    if (type === FRAME.goaway) goAways.push(payload.readUInt32BE(0));
    if (type === FRAME.rstStream && payload.readUInt32BE(0) === REFUSED_STREAM) refused.push(stream);
  });
  let before = Buffer.alloc(0);
  client.on("data", (chunk: Buffer) => {
    if (isHttp2) {
      onClient(chunk);
    } else if (before.length < PREFACE.length) {
      before = Buffer.concat([before, chunk]);
      isHttp2 = before.subarray(0, PREFACE.length).equals(PREFACE);
      if (isHttp2) onClient(before.subarray(PREFACE.length));
    }
  });
  server.on("data", (chunk: Buffer) => {
    if (isHttp2) onServer(chunk);
  });
  return {
    goAways,
    refused,
    get lastStream() {
      return lastStream;
    },
  };
}

function frameReader(onFrame: (type: number, stream: number, payload: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= FRAME_HEAD_BYTES) {
      const end = FRAME_HEAD_BYTES + rest.readUIntBE(0, 3);
      if (rest.length < end) break;
      onFrame(rest.readUInt8(3), rest.readUInt32BE(5) & 0x7fff_ffff, rest.subarray(FRAME_HEAD_BYTES, end));
      rest = rest.subarray(end);
    }
  };
}
