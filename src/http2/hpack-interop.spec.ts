import { once } from "node:events";
import { createServer, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { frame } from "../../test/support/frames.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackEncoder, maxEncodedBytes } from "./hpack-encoder.ts";

// Against another implementation: node:http2's (nghttp2). Our blocks go to its server in HEADERS frames on a plain socket; its
// server answers in a body what it has read, and sends the same fields back as a block of its own.

type Line = [name: string, value: string];

const [DATA, HEADERS, SETTINGS, GOAWAY, WINDOW_UPDATE] = [0, 1, 4, 7, 8];
const [END_STREAM, ACK, END_HEADERS] = [1, 1, 4];
const HEADER_TABLE_SIZE = 1;

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

async function* framesOf(socket: Socket): AsyncGenerator<Frame, void, undefined> {
  let rest = Buffer.alloc(0);
  for await (const chunk of socket) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      yield { type: rest.readUInt8(3), flags: rest.readUInt8(4), payload: rest.subarray(9, end) };
      rest = rest.subarray(end);
    }
  }
}

function headerTableSetting(bytes: number): Buffer {
  const setting = Buffer.alloc(6);
  setting.writeUInt16BE(HEADER_TABLE_SIZE, 0);
  setting.writeUInt32BE(bytes, 2);
  return setting;
}

function encode(encoder: HpackEncoder, lines: readonly Line[]): Buffer {
  const out = Buffer.alloc(lines.reduce((sum, [name, value]) => sum + maxEncodedBytes(name, value), 12));
  let at = encoder.begin(out, 0);
  for (const [name, value] of lines) {
    at = encoder.encode(out, at, name, value);
  }
  return out.subarray(0, at);
}

const PSEUDO: readonly Line[] = [
  [":method", "GET"],
  [":scheme", "http"],
  [":authority", "localhost"],
  [":path", "/some.Service/Method"],
];

/** Lists of fields as node:http2 lets them through, with repetitions that are worth a table. */
function lists(count: number): Line[][] {
  const word = fc.string({ unit: fc.constantFrom(..."abcxyz-0189"), minLength: 1, maxLength: 12 });
  const name = fc.oneof(
    fc.constantFrom("x-a", "x-b", "user-agent", "cookie"),
    word.map((text) => `x-${text}`),
  );
  const visible = fc.string({
    unit: fc.constantFrom(..."abc XYZ019{}<>~\\\"'%,;=").filter((c) => c !== " "),
    maxLength: 90,
  });
  const value = fc.oneof({ weight: 2, arbitrary: fc.constantFrom("1", "same", "y".repeat(400)) }, visible);
  const list = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 14 });
  return fc.sample(list, { numRuns: count, seed: 20 });
}

test.each([
  ["the initial tables", 4096, 4096],
  ["small tables", 300, 200],
  ["no tables", 0, 0],
  ["large tables", 65_536, 65_536],
])("with %s, node:http2 reads what ours encodes, and ours reads what node:http2 encodes", async (_, theirs, ours) => {
  const server = createServer({ settings: { headerTableSize: theirs } });
  server.on("stream", (stream: ServerHttp2Stream, _headers, _flags, raw) => {
    const back: Record<string, string> = {};
    for (let i = 0; i < raw.length; i += 2) {
      if (raw[i]?.startsWith("x-")) {
        back[raw[i] ?? ""] = raw[i + 1] ?? "";
      }
    }
    stream.respond({ ":status": 200, ...back });
    stream.end(JSON.stringify(raw));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  // A server that listens on TCP has an AddressInfo.
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.write(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  socket.write(frame(SETTINGS, 0, 0, headerTableSetting(ours)));
  // Room for all bodies together, as the connection's window would end within them.
  socket.write(frame(WINDOW_UPDATE, 0, 0, Buffer.from("3fff0000", "hex")));
  const encoder = new HpackEncoder(65_536);
  const decoder = new HpackDecoder(Math.max(ours, 4096));
  const frames = framesOf(socket);

  /** Reads up to the end of a response; settings take effect as they come. */
  async function response(): Promise<{ readonly fields: Line[]; readonly body: string }> {
    const fields: Line[] = [];
    const body: Buffer[] = [];
    for (;;) {
      const { value, done } = await frames.next();
      if (done || value.type === GOAWAY) {
        throw new Error(`the server ended the connection: ${value?.payload.toString("hex")}`);
      }
      const { type, flags, payload } = value;
      if (type === SETTINGS && flags === ACK) {
        decoder.setMaxTableBytes(ours);
      } else if (type === SETTINGS) {
        for (let at = 0; at < payload.length; at += 6) {
          if (payload.readUInt16BE(at) === HEADER_TABLE_SIZE) {
            encoder.setPeerTableBytes(payload.readUInt32BE(at + 2));
          }
        }
        socket.write(frame(SETTINGS, ACK, 0));
      } else if (type === HEADERS) {
        expect(flags & END_HEADERS).toBe(END_HEADERS);
        for (const field of decoder.decode(payload, 0, payload.length, 1 << 20).fields) {
          fields.push([field.name, field.value]);
        }
      } else if (type === DATA) {
        body.push(payload);
      }
      if ((type === HEADERS || type === DATA) && flags & END_STREAM) {
        return { fields, body: Buffer.concat(body).toString() };
      }
    }
  }

  try {
    for (const [i, list] of lists(150).entries()) {
      const lines = [...PSEUDO, ...list];
      socket.write(frame(HEADERS, END_STREAM | END_HEADERS, 2 * i + 1, encode(encoder, lines)));
      const { fields, body } = await response();
      expect(JSON.parse(body)).toEqual(lines.flat());
      const back = fields.filter(([name]) => name.startsWith("x-"));
      expect(new Map(back)).toEqual(new Map(list.filter(([name]) => name.startsWith("x-"))));
      expect(fields[0]).toEqual([":status", "200"]);
    }
    expect(encoder.table.maxBytes).toBe(theirs);
    expect(decoder.table.maxBytes).toBe(Math.min(ours, 4096));
    expect(encoder.table.count > 0).toBe(theirs > 0);
    expect(decoder.table.count > 0).toBe(ours > 0);
  } finally {
    socket.destroy();
    server.close();
  }
});
