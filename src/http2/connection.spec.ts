// Over 300 lines: the rules of RFC 9113 that a peer can break, and those that the engine keeps itself, in tables.
import { describe, expect, test } from "vitest";
import { data, headers, type Lines, numbers, RawPeer, REQUEST, settings } from "../../test/http2/raw-peer.ts";
import { FLAG, frame, headerBlock, PREFACE } from "../../test/support/frames.ts";
import { ConnectionError, ErrorCode } from "./error-code.ts";
import { Flag, FrameType } from "./frame.ts";

const { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION } =
  FrameType;
const { END_STREAM, END_HEADERS, PADDED, ACK } = Flag;
const MAX_WINDOW = 0x7fffffff;
const OK: Lines = [[":status", "200"]];

const block = headerBlock(REQUEST);
const trailers = (streamId: number, fields: Lines, endStream = true) => headers(streamId, fields, endStream);
const withLength = (length: string): Lines => [...REQUEST, ["content-length", length]];
/** What the PING among frames carries. */
const pingOf = (bytes: Buffer) =>
  bytes.subarray(bytes.indexOf(Buffer.of(0, 0, 8, PING, 0, 0, 0, 0, 0)) + 9).subarray(0, 8);
const priority = (dependency: number) => {
  const payload = Buffer.alloc(5);
  payload.writeUInt32BE(dependency);
  return payload;
};

/** What a server's peer may not send behind its greeting, and the error with which the connection ends. */
const connectionErrors: readonly (readonly [title: string, frames: readonly Buffer[], code: keyof typeof ErrorCode])[] =
  [
    ["DATA on stream 0", [data(0, 5)], "PROTOCOL_ERROR"],
    ["DATA on an idle stream", [data(1, 5)], "PROTOCOL_ERROR"],
    ["DATA longer than its padding allows", [headers(1), frame(DATA, PADDED, 1, Buffer.of(5, 0, 0))], "PROTOCOL_ERROR"],
    ["padded DATA without a pad length", [headers(1), frame(DATA, PADDED, 1)], "FRAME_SIZE_ERROR"],
    ["HEADERS on stream 0", [headers(0)], "PROTOCOL_ERROR"],
    ["HEADERS on a stream that only servers open", [headers(2)], "PROTOCOL_ERROR"],
    ["HEADERS on a stream that was skipped", [headers(5), headers(3)], "STREAM_CLOSED"],
    [
      "HEADERS shorter than their padding",
      [frame(HEADERS, PADDED | END_HEADERS, 1, Buffer.of(9, 0, 0))],
      "PROTOCOL_ERROR",
    ],
    ["padded HEADERS without a pad length", [frame(HEADERS, PADDED | END_HEADERS, 1)], "PROTOCOL_ERROR"],
    [
      "HEADERS too short for their priority",
      [frame(HEADERS, Flag.PRIORITY | END_HEADERS, 1, Buffer.alloc(4))],
      "PROTOCOL_ERROR",
    ],
    [
      "HEADERS on a stream that depends on itself",
      [frame(HEADERS, Flag.PRIORITY | END_HEADERS, 1, Buffer.concat([priority(1), block]))],
      "PROTOCOL_ERROR",
    ],
    ["a header block that is not HPACK", [frame(HEADERS, END_HEADERS, 1, Buffer.of(0x80))], "COMPRESSION_ERROR"],
    ["CONTINUATION of nothing", [frame(CONTINUATION, END_HEADERS, 1, block)], "PROTOCOL_ERROR"],
    [
      "CONTINUATION behind the last of the block",
      [headers(1), frame(CONTINUATION, END_HEADERS, 1, block)],
      "PROTOCOL_ERROR",
    ],
    [
      "CONTINUATION of another stream",
      [frame(HEADERS, 0, 1, block), frame(CONTINUATION, END_HEADERS, 3)],
      "PROTOCOL_ERROR",
    ],
    [
      "a PING within a header block",
      [frame(HEADERS, 0, 1, block), frame(PING, 0, 0, Buffer.alloc(8))],
      "PROTOCOL_ERROR",
    ],
    ["DATA within a header block", [frame(HEADERS, 0, 1, block), data(1, 5)], "PROTOCOL_ERROR"],
    ["an unknown frame within a header block", [frame(HEADERS, 0, 1, block), frame(0x40, 0, 1)], "PROTOCOL_ERROR"],
    ["a frame larger than is taken", [frame(0x40, 0, 1, Buffer.alloc(16_385))], "FRAME_SIZE_ERROR"],
    ["PRIORITY on stream 0", [frame(PRIORITY, 0, 0, priority(1))], "PROTOCOL_ERROR"],
    ["PRIORITY of a wrong length, on an idle stream", [frame(PRIORITY, 0, 1, Buffer.alloc(4))], "FRAME_SIZE_ERROR"],
    ["RST_STREAM on stream 0", [numbers(RST_STREAM, 0, 8)], "PROTOCOL_ERROR"],
    ["RST_STREAM on an idle stream", [numbers(RST_STREAM, 1, 8)], "PROTOCOL_ERROR"],
    ["RST_STREAM of a wrong length", [headers(1), frame(RST_STREAM, 0, 1, Buffer.alloc(3))], "FRAME_SIZE_ERROR"],
    ["SETTINGS on a stream", [frame(SETTINGS, 0, 1)], "PROTOCOL_ERROR"],
    ["SETTINGS of a wrong length", [frame(SETTINGS, 0, 0, Buffer.alloc(5))], "FRAME_SIZE_ERROR"],
    ["an acknowledgement of SETTINGS with a payload", [frame(SETTINGS, ACK, 0, Buffer.alloc(6))], "FRAME_SIZE_ERROR"],
    ["SETTINGS_ENABLE_PUSH of 2", [settings([0x2, 2])], "PROTOCOL_ERROR"],
    ["SETTINGS_INITIAL_WINDOW_SIZE of 2^31", [settings([0x4, MAX_WINDOW + 1])], "FLOW_CONTROL_ERROR"],
    ["SETTINGS_MAX_FRAME_SIZE below 2^14", [settings([0x5, 16_383])], "PROTOCOL_ERROR"],
    ["SETTINGS_MAX_FRAME_SIZE of 2^24", [settings([0x5, 0x1000000])], "PROTOCOL_ERROR"],
    [
      "SETTINGS by which a stream's window exceeds 2^31-1",
      [headers(1), numbers(WINDOW_UPDATE, 1, 1), settings([0x4, MAX_WINDOW])],
      "FLOW_CONTROL_ERROR",
    ],
    ["PUSH_PROMISE by a client", [headers(1), frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.alloc(4))], "PROTOCOL_ERROR"],
    ["a PING on a stream", [frame(PING, 0, 1, Buffer.alloc(8))], "PROTOCOL_ERROR"],
    ["a PING of a wrong length", [frame(PING, 0, 0, Buffer.alloc(7))], "FRAME_SIZE_ERROR"],
    ["GOAWAY on a stream", [frame(GOAWAY, 0, 1, Buffer.alloc(8))], "PROTOCOL_ERROR"],
    ["GOAWAY of a wrong length", [frame(GOAWAY, 0, 0, Buffer.alloc(7))], "FRAME_SIZE_ERROR"],
    ["WINDOW_UPDATE by nothing, of the connection", [numbers(WINDOW_UPDATE, 0, 0)], "PROTOCOL_ERROR"],
    ["WINDOW_UPDATE above 2^31-1, of the connection", [numbers(WINDOW_UPDATE, 0, MAX_WINDOW)], "FLOW_CONTROL_ERROR"],
    ["WINDOW_UPDATE on an idle stream", [numbers(WINDOW_UPDATE, 1, 1)], "PROTOCOL_ERROR"],
    ["WINDOW_UPDATE of a wrong length", [frame(WINDOW_UPDATE, 0, 0, Buffer.alloc(5))], "FRAME_SIZE_ERROR"],
    [
      "DATA above the connection's window",
      [headers(1), ...Array.from({ length: 4 }, () => data(1, 16_384))],
      "FLOW_CONTROL_ERROR",
    ],
    [
      "HEADERS on a stream that has ended on both sides",
      [headers(1, [...REQUEST, ["x-answer", "yes"]], true), headers(1)],
      "STREAM_CLOSED",
    ],
  ];

/** What a server's peer may not send on stream 1, and the error with which that stream ends. */
const streamErrors: readonly (readonly [title: string, frames: readonly Buffer[], code: keyof typeof ErrorCode])[] = [
  ["DATA behind the end of the request", [headers(1, REQUEST, true), data(1, 5)], "STREAM_CLOSED"],
  ["HEADERS behind the end of the request", [headers(1, REQUEST, true), headers(1)], "STREAM_CLOSED"],
  ["a malformed request", [headers(1, REQUEST.slice(1))], "PROTOCOL_ERROR"],
  ["WINDOW_UPDATE by nothing", [headers(1), numbers(WINDOW_UPDATE, 1, 0)], "PROTOCOL_ERROR"],
  ["WINDOW_UPDATE above 2^31-1", [headers(1), numbers(WINDOW_UPDATE, 1, MAX_WINDOW)], "FLOW_CONTROL_ERROR"],
  ["PRIORITY of a wrong length", [headers(1), frame(PRIORITY, 0, 1, Buffer.alloc(4))], "FRAME_SIZE_ERROR"],
  ["PRIORITY of a stream that depends on itself", [headers(1), frame(PRIORITY, 0, 1, priority(1))], "PROTOCOL_ERROR"],
  ["trailers that do not end the stream", [headers(1), trailers(1, [["x-a", "1"]], false)], "PROTOCOL_ERROR"],
  ["trailers with a pseudo-header", [headers(1), trailers(1, [[":path", "/"]])], "PROTOCOL_ERROR"],
  ["a body longer than content-length", [headers(1, withLength("4")), data(1, 5)], "PROTOCOL_ERROR"],
  ["a body shorter than content-length", [headers(1, withLength("6")), data(1, 5, true)], "PROTOCOL_ERROR"],
  [
    "a body shorter than content-length, with trailers",
    [headers(1, withLength("6")), data(1, 5), trailers(1, [["x-a", "1"]])],
    "PROTOCOL_ERROR",
  ],
  ["no body despite content-length", [headers(1, withLength("6"), true)], "PROTOCOL_ERROR"],
];

describe("a server's connection", () => {
  test.each(connectionErrors)("ends for %s", (_, frames, code) => {
    const peer = new RawPeer();
    peer.onStream = (stream) => {
      if (stream.head?.fields.length === 1) {
        stream.sendHead(OK, true);
      }
    };
    peer.send(...frames);
    expect(peer.error?.code).toBe(ErrorCode[code]);
    expect(peer.written().at(-1)).toMatch(new RegExp(`^GOAWAY \\d+ ${code}$`));
    expect(peer.connection.faults.size).toBe(1);
    expect(peer.connection.streamCount).toBe(0);
    expect(peer.events.at(-1)).toBe(`onOver ${code}`);
  });

  test.each(streamErrors)("ends a stream alone for %s", (_, frames, code) => {
    const peer = new RawPeer();
    peer.send(...frames, frame(PING, 0, 0, Buffer.alloc(8)), headers(3, REQUEST, true));
    expect(peer.written().filter((line) => line !== "PING ACK")).toEqual([`RST_STREAM 1 ${code}`]);
    expect(peer.connection.isOver).toBe(false);
    expect(peer.events).toContain("onStream 3");
    if (peer.events.includes("onStream 1")) {
      expect(peer.events).toContain(`onClose 1 ${code}`);
    }
  });

  test("ends for a preface that is not HTTP/2's, wherever it differs", () => {
    for (const at of [0, 5, PREFACE.length - 1]) {
      const peer = new RawPeer({}, false);
      const wrong = Buffer.from(PREFACE);
      wrong.writeUInt8(0x20 ^ wrong.readUInt8(at), at);
      peer.send(wrong);
      expect(peer.error?.code).toBe(ErrorCode.PROTOCOL_ERROR);
    }
  });

  test.each([
    ["HEADERS", headers(1)],
    ["DATA", data(1, 5)],
    ["an acknowledgement", frame(SETTINGS, ACK, 0)],
  ])("ends where %s comes before SETTINGS", (_, first) => {
    const peer = new RawPeer({}, false);
    peer.send(PREFACE, first);
    expect(peer.error?.code).toBe(ErrorCode.PROTOCOL_ERROR);
  });

  test("announces what differs from the defaults, and acknowledges the peer's settings", () => {
    const peer = new RawPeer({ connectionWindowBytes: 200_000 }, false);
    peer.send(PREFACE, settings([0x4, 1000]));
    expect(peer.written()).toEqual(["SETTINGS", `WINDOW_UPDATE 0 +${200_000 - 65_535}`, "SETTINGS ACK"]);
    expect(peer.connection.peerSettings.initialWindowBytes).toBe(1000);
  });

  test("ignores unknown frames, and PRIORITY on any stream", () => {
    const peer = new RawPeer();
    peer.send(frame(0x40, 0xff, 7, Buffer.alloc(100)), frame(PRIORITY, 0, 9, priority(3)), headers(1, REQUEST, true));
    expect(peer.events).toEqual(["onStream 1", "onEnd 1"]);
    expect(peer.written()).toEqual([]);
  });

  test("answers a PING with what it carries", () => {
    const peer = new RawPeer();
    const ping = frame(PING, 0, 0, Buffer.from("12345678"));
    peer.send(ping);
    expect(peer.takeBytes()).toEqual(frame(PING, ACK, 0, Buffer.from("12345678")));
  });

  test("takes a head in HEADERS and CONTINUATION, padded and with a priority", () => {
    const peer = new RawPeer();
    const begin = Buffer.concat([Buffer.of(3), priority(0), block.subarray(0, 10), Buffer.alloc(3)]);
    peer.send(
      frame(HEADERS, PADDED | Flag.PRIORITY | END_STREAM, 1, begin),
      frame(CONTINUATION, 0, 1, block.subarray(10, 20)),
      frame(CONTINUATION, END_HEADERS, 1, block.subarray(20)),
    );
    expect(peer.events).toEqual(["onStream 1", "onEnd 1"]);
    expect(peer.streams[0]?.head?.path).toBe("/");
  });

  test("writes a head that is longer than a frame in HEADERS and CONTINUATION", () => {
    const peer = new RawPeer();
    peer.send(headers(1, REQUEST, true));
    peer.streams[0]?.sendHead([...OK, ["x-long", "{".repeat(40_000)]], true);
    expect(peer.written()).toEqual(["HEADERS 1 END_STREAM and more", "CONTINUATION 1 and more", "CONTINUATION 1"]);
  });

  test("takes padded DATA, whose padding counts for the windows but not for the body", () => {
    const peer = new RawPeer();
    peer.send(headers(1, withLength("5")));
    const padded = Buffer.concat([Buffer.of(200), Buffer.from("hello"), Buffer.alloc(200)]);
    peer.send(frame(DATA, PADDED | END_STREAM, 1, padded));
    expect(peer.events).toEqual(["onStream 1", "onData 1 5", "onEnd 1"]);
    expect(peer.streams[0]?.receiveWindow.unread).toBe(5);
    expect(peer.streams[0]?.receiveWindow.available).toBe(65_535 - 206);
  });

  test("flags a header list that is larger than is taken, and goes on", () => {
    const peer = new RawPeer({ headerListBytes: 1000 });
    peer.send(headers(1, [...REQUEST, ["x-large", "l".repeat(1000)]], true));
    expect(peer.streams[0]?.isHeadTooLarge).toBe(true);
    expect(peer.connection.faults.size).toBe(0);
  });

  test("ends a header block that does not end", () => {
    const peer = new RawPeer({ headerListBytes: 1000 });
    peer.send(frame(HEADERS, 0, 1, block));
    for (let count = 0; count < 10; count++) {
      peer.send(frame(CONTINUATION, 0, 1, Buffer.alloc(1000)));
    }
    expect(peer.error?.code).toBe(ErrorCode.ENHANCE_YOUR_CALM);
  });

  test("refuses streams above SETTINGS_MAX_CONCURRENT_STREAMS, and takes others when there is room", () => {
    const peer = new RawPeer({ maxConcurrentStreams: 1 });
    peer.send(headers(1, REQUEST, true), headers(3, REQUEST, true));
    expect(peer.written()).toEqual(["RST_STREAM 3 REFUSED_STREAM"]);
    peer.streams[0]?.sendHead(OK, true);
    peer.send(headers(5, REQUEST, true));
    expect(peer.events).toEqual(["onStream 1", "onEnd 1", "onClose 1", "onStream 5", "onEnd 5"]);
  });

  test("ignores what was on its way to a stream that it has reset", () => {
    const peer = new RawPeer();
    peer.send(headers(1));
    peer.streams[0]?.reset(ErrorCode.CANCEL);
    peer.send(data(1, 5), numbers(WINDOW_UPDATE, 1, 5), trailers(1, [["x-a", "1"]]), numbers(RST_STREAM, 1, 8));
    expect(peer.written()).toEqual(["RST_STREAM 1 CANCEL"]);
    expect(peer.connection.faults.size).toBe(0);
  });

  test("ignores it also where many streams were reset since", () => {
    const peer = new RawPeer({ maxConcurrentStreams: 400 });
    for (let id = 1; id < 800; id += 2) {
      peer.send(headers(id));
    }
    for (const stream of peer.streams) {
      stream.reset(ErrorCode.CANCEL);
    }
    peer.written();
    for (let id = 1; id < 800; id += 2) {
      peer.send(data(id, 5), trailers(id, [["x-a", "1"]]));
    }
    expect(peer.written()).toEqual([]);
    expect(peer.connection.faults.size).toBe(0);
  });

  test("tells the peer to stop where the answer ends before the request", () => {
    const peer = new RawPeer();
    peer.send(headers(1));
    peer.streams[0]?.sendHead(OK, true);
    expect(peer.written()).toEqual(["HEADERS 1 END_STREAM", "RST_STREAM 1 NO_ERROR"]);
    expect(peer.events.at(-1)).toBe("onClose 1");
  });

  describe("while the rest of a small body is on its way", () => {
    const answered = (length: string) => {
      const peer = new RawPeer();
      peer.send(headers(1, withLength(length)));
      peer.streams[0]?.sendHead(OK, true);
      const words = peer.written();
      expect(peer.events.at(-1)).toBe("onClose 1");
      return { peer, words };
    };

    test("waits for its end, and says nothing more", () => {
      for (const end of [data(1, 5, true), trailers(1, [["x-a", "1"]]), numbers(RST_STREAM, 1, ErrorCode.CANCEL)]) {
        const { peer, words } = answered("5");
        expect(words).toEqual(["HEADERS 1 END_STREAM"]);
        peer.send(end);
        for (const now of [1000, 2000, 3000]) peer.connection.tick(now);
        expect(peer.written()).toEqual([]);
      }
    });

    test("tells the peer to stop after a second or two, or when the connection ends", () => {
      const { peer: late } = answered("5");
      late.connection.tick(1000);
      late.send(data(1, 2));
      expect(late.written()).toEqual([]);
      late.connection.tick(2000);
      expect(late.written()).toEqual(["RST_STREAM 1 NO_ERROR"]);
      const { peer: leaving } = answered("5");
      leaving.connection.leave();
      leaving.send(frame(PING, ACK, 0, pingOf(leaving.takeBytes())));
      expect(leaving.written()).toEqual(["GOAWAY 1 NO_ERROR", "RST_STREAM 1 NO_ERROR"]);
    });

    test("tells it at once where that is more than may be sent without leave, or there are many such", () => {
      expect(answered("65536").words).toEqual(["HEADERS 1 END_STREAM", "RST_STREAM 1 NO_ERROR"]);
      const peer = new RawPeer();
      for (let id = 1; id <= 257; id += 2) {
        peer.send(headers(id, withLength("5")));
        peer.streams.at(-1)?.sendHead(OK, true);
        expect(peer.written()).toHaveLength(id < 257 ? 1 : 2);
      }
    });
  });

  test("says nothing more where the request ends in the same turn", () => {
    const peer = new RawPeer();
    peer.onStream = (stream) => stream.sendHead(OK, true);
    peer.send(headers(1), data(1, 5), data(1, 5, true));
    expect(peer.written()).toEqual(["HEADERS 1 END_STREAM"]);
    expect(peer.events).toEqual(["onStream 1", "onClose 1"]);
  });

  test("sends bodies as the windows allow, and the rest as they open", () => {
    const peer = new RawPeer();
    peer.send(settings([0x4, 10]), headers(1, REQUEST, true));
    peer.streams[0]?.sendHead(OK, false);
    peer.streams[0]?.sendData(Buffer.alloc(25), false);
    peer.streams[0]?.sendTrailers([["x-end", "1"]]);
    expect(peer.written()).toEqual(["SETTINGS ACK", "HEADERS 1", "DATA 1 10"]);
    expect(peer.connection.pendingBytes).toBe(15);
    peer.send(numbers(WINDOW_UPDATE, 1, 5), settings([0x4, 12]));
    expect(peer.written()).toEqual(["SETTINGS ACK", "DATA 1 7"]);
    peer.send(numbers(WINDOW_UPDATE, 1, 1000));
    expect(peer.written()).toEqual(["DATA 1 8", "HEADERS 1 END_STREAM"]);
    expect(peer.connection.pendingBytes).toBe(0);
    expect(peer.events.at(-1)).toBe("onClose 1");
  });

  test("ends a body whose window a changed setting has made negative", () => {
    const peer = new RawPeer();
    peer.send(headers(1, REQUEST, true));
    peer.streams[0]?.sendHead(OK, false);
    peer.streams[0]?.sendData(Buffer.alloc(1000), false);
    peer.send(settings([0x4, 10]));
    peer.streams[0]?.sendData(Buffer.alloc(0), true);
    expect(peer.written()).toEqual(["HEADERS 1", "DATA 1 1000", "SETTINGS ACK", "DATA 1 0 END_STREAM"]);
    expect(peer.connection.pendingBytes).toBe(0);
  });

  test("takes an empty end of a body whose window a changed setting has made negative", () => {
    const peer = new RawPeer();
    peer.send(headers(1), data(1, 1000));
    peer.connection.changeSettings({ initialWindowBytes: 10 });
    peer.send(frame(SETTINGS, ACK, 0), data(1, 0, true));
    expect(peer.events.at(-1)).toBe("onEnd 1");
    expect(peer.connection.faults.size).toBe(0);
  });

  test("renews windows that a changed setting has shut, though all is consumed", () => {
    const peer = new RawPeer();
    peer.send(headers(1), data(1, 1000));
    peer.streams[0]?.consumed(1000);
    peer.connection.changeSettings({ initialWindowBytes: 1000 });
    peer.send(frame(SETTINGS, ACK, 0));
    expect(peer.written()).toEqual(["SETTINGS", "WINDOW_UPDATE 1 +1000"]);
  });

  test("opens windows as bodies are consumed, not as they come", () => {
    const peer = new RawPeer();
    peer.send(headers(1), data(1, 16_384), data(1, 16_384), data(1, 16_384));
    expect(peer.written()).toEqual([]);
    peer.streams[0]?.consumed(40_000);
    expect(peer.written()).toEqual(["WINDOW_UPDATE 1 +40000", "WINDOW_UPDATE 0 +40000"]);
  });

  test("gives a reset stream's bytes back to the connection's window", () => {
    const peer = new RawPeer();
    peer.send(headers(1), data(1, 16_384), data(1, 16_384), data(1, 16_384));
    peer.streams[0]?.reset(ErrorCode.CANCEL);
    expect(peer.written()).toEqual(["RST_STREAM 1 CANCEL", `WINDOW_UPDATE 0 +${3 * 16_384}`]);
  });

  test("doubles its windows where they hold the peer back, within the budget", () => {
    const peer = new RawPeer({ maxStreamWindowBytes: 200_000 });
    peer.send(headers(1), data(1, 16_384), data(1, 16_384));
    const [ping] = [peer.takeBytes()];
    expect(ping.subarray(0, 9)).toEqual(frame(PING, 0, 0, Buffer.alloc(8)).subarray(0, 9));
    peer.send(data(1, 16_384), data(1, 16_000));
    peer.streams[0]?.consumed(60_000);
    peer.written();
    peer.send(data(1, 16_000), frame(PING, ACK, 0, ping.subarray(9)));
    expect(peer.written()).toEqual([`WINDOW_UPDATE 0 +65535`]);
  });

  test("uses a larger header table once the peer has acknowledged it, and not before", () => {
    const enlarged = Buffer.concat([Buffer.of(0x3f, 0xe1, 0x3f), block]); // a table size update to 8192
    const early = new RawPeer();
    early.connection.changeSettings({ headerTableBytes: 8192 });
    early.send(frame(HEADERS, END_HEADERS, 1, enlarged));
    expect(early.error?.code).toBe(ErrorCode.COMPRESSION_ERROR);
    const peer = new RawPeer();
    peer.connection.changeSettings({ headerTableBytes: 8192 });
    peer.send(frame(SETTINGS, ACK, 0), frame(HEADERS, END_HEADERS, 1, enlarged));
    expect(peer.events).toEqual(["onStream 1"]);
  });

  test("takes larger frames once the peer has acknowledged it", () => {
    const peer = new RawPeer();
    peer.connection.changeSettings({ maxFrameBytes: 20_000 });
    peer.send(frame(SETTINGS, ACK, 0), headers(1), data(1, 20_000));
    expect(peer.events).toEqual(["onStream 1", "onData 1 20000"]);
  });

  test("resets a stream whose fields cannot be sent, and writes later heads as if nothing had been", () => {
    const peer = new RawPeer();
    peer.send(headers(1, REQUEST, true), headers(3, REQUEST, true));
    const [first, second] = peer.streams;
    for (let time = 0; time < 3; time++) {
      second?.sendInformation([
        [":status", "103"],
        ["x-kept", "1"],
      ]); // by the second time, it is worth the table
    }
    first?.sendHead([...OK, ["x-new", "1"], ["x-wide", "\u2192"]], true);
    second?.sendHead([...OK, ["x-kept", "1"]], true);
    expect(peer.written()).toEqual([
      "HEADERS 3",
      "HEADERS 3",
      "HEADERS 3",
      "RST_STREAM 1 INTERNAL_ERROR",
      "HEADERS 3 END_STREAM",
    ]);
  });
});

describe("a server that drains", () => {
  test("announces it, and names the last stream a round trip later", () => {
    const peer = new RawPeer();
    peer.send(headers(1));
    peer.connection.leave();
    peer.connection.leave();
    const announced = peer.takeBytes();
    peer.send(headers(3, REQUEST, true)); // was on its way
    expect(peer.events).toContain("onStream 3");
    peer.send(frame(PING, ACK, 0, pingOf(announced)));
    expect(peer.written()).toEqual(["GOAWAY 3 NO_ERROR"]);
    for (const stream of peer.streams) {
      stream.sendHead(OK, true);
    }
    peer.send(data(1, 0, true));
    expect(peer.events.at(-1)).toBe("onOver");
    expect(peer.error).toBeUndefined();
  });

  test("does not wait for a peer that does not answer", () => {
    const peer = new RawPeer();
    peer.send(headers(1));
    peer.connection.leave();
    expect(peer.written()).toEqual([`GOAWAY ${MAX_WINDOW} NO_ERROR`, "PING"]);
    peer.connection.tick(1001);
    expect(peer.written()).toEqual(["GOAWAY 1 NO_ERROR"]);
  });

  test("ignores all that comes on streams which it has said are not processed", () => {
    const peer = new RawPeer();
    peer.send(headers(1));
    peer.connection.leave();
    peer.connection.tick(1001);
    peer.written();
    peer.send(
      headers(3),
      data(3, 5),
      numbers(WINDOW_UPDATE, 3, 5),
      trailers(3, [["x-a", "1"]]),
      numbers(RST_STREAM, 3, 8),
    );
    expect(peer.events).toEqual(["onStream 1"]);
    expect(peer.written()).toEqual([]);
    expect(peer.connection.faults.size).toBe(0);
    peer.connection.fail(new ConnectionError(ErrorCode.NO_ERROR, ""));
    expect(peer.written()).toEqual(["GOAWAY 1 NO_ERROR"]); // never a later stream than before
  });

  test("is over at once where no stream is open", () => {
    const peer = new RawPeer();
    peer.connection.leave();
    peer.send(frame(PING, ACK, 0, pingOf(peer.takeBytes())));
    expect(peer.written()).toEqual(["GOAWAY 0 NO_ERROR"]);
    expect(peer.events).toEqual(["onOver"]);
  });
});

describe("time", () => {
  test("ends a connection whose peer does not acknowledge SETTINGS", () => {
    const peer = new RawPeer({ settingsTimeoutMs: 1000 }, false);
    peer.send(PREFACE, settings());
    peer.connection.tick(1000);
    expect(peer.connection.isOver).toBe(false);
    peer.connection.tick(1001);
    expect(peer.written().at(-1)).toBe("GOAWAY 0 SETTINGS_TIMEOUT");
  });

  test("asks a silent peer with a stream whether it is there, and ends without an answer", () => {
    const peer = new RawPeer({ keepaliveMs: 1000, pingTimeoutMs: 500 });
    peer.send(headers(1));
    peer.connection.tick(1);
    peer.connection.tick(1001);
    expect(peer.written()).toEqual([]);
    peer.connection.tick(1002);
    expect(peer.written()).toEqual(["PING"]);
    peer.connection.tick(1502);
    expect(peer.connection.isOver).toBe(false);
    peer.connection.tick(1503);
    expect(peer.written()).toEqual(["GOAWAY 1 NO_ERROR"]);
    expect(peer.events.at(-1)).toBe("onOver NO_ERROR");
  });

  test.each([true, false])("asks a peer without streams only where told to (%s)", (keepaliveIdle) => {
    const peer = new RawPeer({ keepaliveMs: 1000, keepaliveIdle });
    peer.connection.tick(1);
    peer.connection.tick(2000);
    expect(peer.written()).toEqual(keepaliveIdle ? ["PING"] : []);
  });

  test("asks a silent peer also when the connection is past its age", () => {
    const peer = new RawPeer({ maxAgeMs: 1000, keepaliveMs: 5000 });
    peer.send(headers(1));
    for (const now of [1, 1101, 2102, 2103, 5002]) {
      peer.connection.tick(now);
    }
    expect(peer.written()).toEqual([`GOAWAY ${MAX_WINDOW} NO_ERROR`, "PING", "GOAWAY 1 NO_ERROR", "PING"]);
  });

  test("leaves a connection that was idle for long", () => {
    const peer = new RawPeer({ idleMs: 1000 });
    peer.send(headers(1));
    peer.connection.tick(5000);
    peer.streams[0]?.reset(ErrorCode.CANCEL);
    peer.connection.tick(6000);
    expect(peer.written()).toEqual(["RST_STREAM 1 CANCEL"]);
    peer.connection.tick(6001);
    expect(peer.written()).toEqual([`GOAWAY ${MAX_WINDOW} NO_ERROR`, "PING"]);
  });

  test.each([
    [0, 900],
    [0.5, 1000],
    [0.99999, 1099],
  ])("leaves a connection at its greatest age, a tenth more or less (%s)", (random, ageMs) => {
    const peer = new RawPeer({ maxAgeMs: 1000, random: () => random });
    peer.connection.tick(ageMs);
    expect(peer.written()).toEqual([]);
    peer.connection.tick(ageMs + 1);
    expect(peer.written()).toEqual([`GOAWAY ${MAX_WINDOW} NO_ERROR`, "PING"]);
  });
});

describe("a client's connection", () => {
  const client = () => new RawPeer({ role: "client" });

  test("begins with the preface, and settings that refuse push", () => {
    const bytes = new RawPeer({ role: "client" }, false).takeBytes();
    expect(bytes.subarray(0, PREFACE.length)).toEqual(PREFACE);
    expect(bytes.subarray(PREFACE.length)).toEqual(settings([0x2, 0], [0x6, 16_384]));
  });

  test.each<readonly [title: string, frames: readonly Buffer[], code: keyof typeof ErrorCode]>([
    ["push", [frame(PUSH_PROMISE, END_HEADERS, 1, Buffer.concat([Buffer.of(0, 0, 0, 2), block]))], "PROTOCOL_ERROR"],
    ["a server that enables push", [settings([0x2, 1])], "PROTOCOL_ERROR"],
    ["HEADERS on a stream of the server's", [headers(2, OK)], "PROTOCOL_ERROR"],
    ["HEADERS on a stream that was never opened", [headers(3, OK)], "PROTOCOL_ERROR"],
    ["HEADERS behind the end of the exchange", [headers(1, OK, true), headers(1, OK, true)], "STREAM_CLOSED"],
  ])("ends for %s", (_, frames, code) => {
    const peer = client();
    peer.open(REQUEST, true);
    peer.send(...frames);
    expect(peer.error?.code).toBe(ErrorCode[code]);
  });

  test.each<readonly [title: string, frames: readonly Buffer[], isHead: boolean]>([
    ["DATA before the head", [data(1, 5)], false],
    ["an interim response that ends the stream", [headers(1, [[":status", "103"]], true)], false],
    ["101", [headers(1, [[":status", "101"]])], false],
    ["a head without a status", [headers(1, [["x-a", "1"]])], false],
    ["trailers with a status", [headers(1, OK), headers(1, OK, true)], false],
    ["a body shorter than content-length", [headers(1, [...OK, ["content-length", "5"]]), data(1, 4, true)], false],
    ["a body longer than content-length", [headers(1, [...OK, ["content-length", "5"]]), data(1, 6)], false],
    ["a body of 204", [headers(1, [[":status", "204"]]), data(1, 1)], false],
    ["a body of 304", [headers(1, [[":status", "304"]]), data(1, 1)], false],
    ["a body in answer to HEAD", [headers(1, OK), data(1, 1)], true],
  ])("resets a stream for %s", (_, frames, isHead) => {
    const peer = client();
    peer.open(REQUEST, true, isHead);
    peer.written();
    peer.send(...frames);
    expect(peer.written()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"]);
    expect(peer.events.at(-1)).toBe("onClose 1 PROTOCOL_ERROR");
    expect(peer.connection.isOver).toBe(false);
  });

  test.each([
    ["204", false],
    ["304", false],
    ["200", true],
  ])("takes a content-length without a body with %s (HEAD: %s)", (status, isHead) => {
    const peer = client();
    peer.open(REQUEST, true, isHead);
    peer.send(
      headers(
        1,
        [
          [":status", status],
          ["content-length", "5"],
        ],
        true,
      ),
    );
    expect(peer.events).toEqual([`onHead 1 ${status}`, "onEnd 1", "onClose 1"]);
  });

  test("tells interim responses, the head, the body, trailers and the end, in order", () => {
    const peer = client();
    peer.open(REQUEST, true);
    peer.send(headers(1, [[":status", "100"]]), headers(1, [[":status", "103"]]), headers(1, OK), data(1, 5));
    peer.send(trailers(1, [["grpc-status", "0"]]));
    expect(peer.events).toEqual([
      "onInformation 1 100",
      "onInformation 1 103",
      "onHead 1 200",
      "onData 1 5",
      "onTrailers 1 grpc-status=0",
      "onEnd 1",
      "onClose 1",
    ]);
  });

  test("goes on sending where the response ends before the request", () => {
    const peer = client();
    const stream = peer.open();
    peer.send(headers(1, OK, true));
    stream.sendData(Buffer.from("rest"), true);
    expect(peer.events).toEqual(["onHead 1 200", "onEnd 1", "onClose 1"]);
    expect(peer.written()).toEqual(["HEADERS 1", "DATA 1 4 END_STREAM"]);
  });

  test("opens as many streams as the peer takes", () => {
    const peer = client();
    peer.send(settings([0x3, 1]));
    peer.open(REQUEST, true);
    expect(peer.connection.canOpen).toBe(false);
    expect(peer.connection.open(REQUEST, true, peer.listener(undefined))).toBeUndefined();
    peer.send(headers(1, OK, true));
    expect(peer.open().id).toBe(3);
  });

  test("tells which streams the peer has not processed: behind GOAWAY's last, and those that it refuses", () => {
    const peer = client();
    for (let count = 0; count < 4; count++) {
      peer.open(REQUEST, true);
    }
    peer.send(numbers(RST_STREAM, 3, ErrorCode.REFUSED_STREAM), numbers(RST_STREAM, 1, ErrorCode.CANCEL));
    peer.send(numbers(GOAWAY, 0, 5, ErrorCode.NO_ERROR));
    expect(peer.isUnprocessed).toEqual([3, 7]);
    expect(peer.connection.canOpen).toBe(false);
    expect(peer.connection.isOver).toBe(false);
    peer.send(headers(5, OK, true));
    expect(peer.events.slice(-3)).toEqual(["onEnd 5", "onClose 5", "onOver"]);
  });

  test("says nothing of a stream whose head the peer would not take, and goes on", () => {
    const peer = client();
    peer.send(settings([0x6, 1000]));
    peer.written();
    const stream = peer.open([...REQUEST, ["x-large", "l".repeat(1000)]], true);
    expect(stream.isClosed).toBe(true);
    expect(peer.written()).toEqual([]);
    peer.open(REQUEST, true);
    expect(peer.written()).toEqual(["HEADERS 3 END_STREAM"]);
    expect(peer.connection.streamCount).toBe(1);
  });

  test("says nothing of a stream whose head is not of bytes, and goes on", () => {
    const peer = client();
    const stream = peer.open([...REQUEST, ["x-wide", "\u2192"]], true);
    expect(stream.isClosed).toBe(true);
    expect(peer.written()).toEqual([]);
    expect(peer.connection.streamCount).toBe(0);
  });

  test("leaves by GOAWAY, and is over with its last stream", () => {
    const peer = client();
    peer.open(REQUEST, true);
    peer.connection.leave();
    expect(peer.connection.canOpen).toBe(false);
    expect(peer.written().at(-1)).toBe("GOAWAY 0 NO_ERROR");
    peer.send(headers(1, OK, true));
    expect(peer.events.at(-1)).toBe("onOver");
  });

  test("closes its streams as possibly processed where the peer is lost", () => {
    const peer = client();
    peer.open(REQUEST, true);
    peer.connection.lost("gone");
    expect(peer.events).toEqual(["onClose 1 CONNECT_ERROR", "onOver CONNECT_ERROR"]);
    expect(peer.isUnprocessed).toEqual([]);
  });
});

test("what comes behind the end of a connection changes nothing, whoever ended it", () => {
  const peer = new RawPeer();
  peer.send(headers(1));
  peer.connection.fail(new ConnectionError(ErrorCode.INTERNAL_ERROR, "enough"));
  peer.written();
  const told = peer.events.length;
  peer.send(headers(3), data(1, 5), frame(PING, 0, 0, Buffer.alloc(8)), frame(SETTINGS, FLAG.ack, 0));
  peer.streams[0]?.sendHead(OK, true);
  peer.connection.tick(1e9);
  peer.connection.leave();
  peer.connection.ping(1e9);
  expect(peer.events.length).toBe(told);
  expect(peer.written()).toEqual([]);
});
