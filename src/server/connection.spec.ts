import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { Connection, type RequestUnderWay } from "./connection.ts";
import { DEFAULT_PORT_LIMITS as LIMITS } from "./limits.ts";
import type { NodeRequest } from "./node-exchange.ts";

/** A connection on a socket whose counters the test sets; its times are milliseconds since it was made. */
function setUp() {
  const socket = { bytesRead: 0, bytesWritten: 0, writableLength: 0 };
  const connection = new Connection(socket as unknown as Socket, 0); // what `judge` reads of a socket
  return { socket, connection, judge: (now: number) => connection.judge(LIMITS, now) };
}

function http1() {
  const result = setUp();
  result.connection.speaks = { protocol: "http1" };
  return result;
}

/** An HTTP/2 connection whose peer answers a ping when the test says so. */
function http2() {
  const result = setUp();
  const answers: (() => void)[] = [];
  const session = { closed: false, ping: (answered: () => void) => answers.push(answered) };
  const speaks = { protocol: "http2", session: session as unknown as ServerHttp2Session } as const; // what `ping` uses of it
  result.connection.speaks = speaks;
  return { ...result, session, answers };
}

function request(complete: boolean): RequestUnderWay {
  const read = { complete } as NodeRequest; // what `judge` reads of a request
  return { request: read } as RequestUnderWay;
}

describe("a head that does not come in time", () => {
  test("is told from the connection on, before and after the protocol is known", () => {
    for (const { judge } of [setUp(), http1()]) {
      expect(judge(LIMITS.requestHeadMs)).toBe("keep");
      expect(judge(LIMITS.requestHeadMs + 1)).toBe("head-timeout");
    }
  });

  test("is told from its own first byte on after an answer; bytes that trickle in win no time", () => {
    const { socket, connection, judge } = http1();
    const first = request(true);
    socket.bytesRead = 100;
    connection.begin(first);
    connection.end(first, 1000);
    expect(judge(60_000)).toBe("keep");
    socket.bytesRead = 101;
    expect(judge(61_000)).toBe("keep");
    socket.bytesRead = 102;
    expect(judge(61_000 + LIMITS.requestHeadMs)).toBe("keep");
    socket.bytesRead = 103;
    expect(judge(61_000 + LIMITS.requestHeadMs + 1)).toBe("head-timeout");
  });

  test("is no matter of a connection whose request is there", () => {
    const { connection, judge } = http1();
    connection.begin(request(true));
    expect(judge(LIMITS.requestHeadMs + 1)).toBe("keep");
  });
});

describe("an idle connection", () => {
  test("is closed after its time, told from the last byte: HTTP/1.1", () => {
    const { connection, judge, socket } = http1();
    const first = request(true);
    connection.begin(first);
    connection.end(first, 1000);
    socket.bytesWritten = 10;
    expect(judge(2000)).toBe("keep");
    expect(judge(2000 + LIMITS.idleMs)).toBe("keep");
    expect(judge(2000 + LIMITS.idleMs + 1)).toBe("close");
  });

  test("is closed after its time, told from the last answer, and pinged before: HTTP/2", () => {
    const { connection, judge, socket } = http2();
    const first = request(true);
    connection.begin(first);
    connection.end(first, 1000);
    expect(judge(1000 + LIMITS.pingAfterMs)).toBe("keep");
    expect(judge(1000 + LIMITS.pingAfterMs + 1)).toBe("ping");
    socket.bytesRead += 17; // whatever the peer sends without a request
    expect(judge(1000 + LIMITS.idleMs)).toBe("keep");
    expect(judge(1000 + LIMITS.idleMs + 1)).toBe("close");
  });

  test("is one that never had a request, too, over HTTP/2", () => {
    const { judge } = http2();
    expect(judge(LIMITS.pingAfterMs)).toBe("keep");
    expect(judge(LIMITS.idleMs + 1)).toBe("close");
  });
});

describe("a request under way over HTTP/1.1", () => {
  test("whose body stands still is closed after the idle time, and not while it moves", () => {
    const { socket, connection, judge } = http1();
    connection.begin(request(false));
    for (let now = 0; now < 10 * LIMITS.idleMs; now += LIMITS.idleMs) {
      socket.bytesRead++;
      expect(judge(now)).toBe("keep");
    }
    expect(judge(10 * LIMITS.idleMs)).toBe("keep");
    expect(judge(10 * LIMITS.idleMs + 1)).toBe("close");
  });

  test("whose answer nobody reads is closed after the idle time", () => {
    const { socket, connection, judge } = http1();
    connection.begin(request(true));
    socket.writableLength = 1;
    expect(judge(LIMITS.idleMs)).toBe("keep");
    expect(judge(LIMITS.idleMs + 1)).toBe("close");
  });

  test("that its handler takes long to answer is kept", () => {
    const { connection, judge } = http1();
    connection.begin(request(true));
    expect(judge(100 * LIMITS.idleMs)).toBe("keep");
  });
});

describe("a request under way over HTTP/2", () => {
  test("has its silent peer sent a ping, and closed where there is no answer", () => {
    const { connection, judge, answers } = http2();
    connection.begin(request(true));
    expect(judge(LIMITS.pingAfterMs)).toBe("keep");
    const pingAt = LIMITS.pingAfterMs + 1;
    expect(judge(pingAt)).toBe("ping");
    connection.ping(pingAt);
    expect(answers).toHaveLength(1);
    expect(judge(pingAt + LIMITS.pingTimeoutMs)).toBe("keep");
    expect(judge(pingAt + LIMITS.pingTimeoutMs + 1)).toBe("close");
  });

  test("is kept where the peer answers, and asked again after the next silence", () => {
    const { socket, connection, judge, answers } = http2();
    connection.begin(request(true));
    connection.ping(LIMITS.pingAfterMs + 1);
    answers[0]?.();
    socket.bytesRead += 17;
    const answered = LIMITS.pingAfterMs + 100;
    expect(judge(answered)).toBe("keep");
    expect(judge(answered + LIMITS.pingAfterMs)).toBe("keep");
    expect(judge(answered + LIMITS.pingAfterMs + 1)).toBe("ping");
  });

  test("is not asked after once the connection is leaving", () => {
    const { connection, session, answers } = http2();
    session.closed = true;
    connection.ping(0);
    expect(answers).toHaveLength(0);
  });
});

test("an upgraded connection is kept: whoever took it over keeps its times", () => {
  const { connection, judge } = setUp();
  connection.speaks = { protocol: "upgraded" };
  expect(judge(100 * LIMITS.idleMs)).toBe("keep");
});
