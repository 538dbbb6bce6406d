import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { NO_CERTIFICATE } from "../tls/identity.ts";
import { Connection } from "./connection.ts";
import { DEFAULT_PORT_LIMITS as LIMITS } from "./limits.ts";
import type { NodeExchange } from "./node-exchange.ts";

/** A connection on a socket whose counters the test sets; its times are milliseconds since it was made. */
function setUp(certificate = NO_CERTIFICATE) {
  const socket = {
    bytesRead: 0,
    bytesWritten: 0,
    writableLength: 0,
    readableEnded: false,
    writableEnded: false,
    isEnded: false,
    destroySoon() {
      socket.isEnded = true;
    },
  };
  const clock = handClock();
  const connection = new Connection(socket as unknown as Socket, certificate, clock); // what a Connection has to do with a socket
  return { socket, connection, clock, judge: (now: number) => connection.judge(LIMITS, now) };
}

/** A clock that stands until it is put forward; it has one timer at a time. */
function handClock() {
  let now = 0;
  let timer: { readonly at: number; readonly callback: () => void } | undefined;
  return {
    now: () => now,
    schedule(delayMs: number, callback: () => void) {
      timer = { at: now + delayMs, callback };
      return {
        cancel() {
          timer = undefined;
        },
      };
    },
    advance(ms: number) {
      now += ms;
      const due = timer;
      if (due !== undefined && due.at <= now) {
        timer = undefined;
        due.callback();
      }
    },
  };
}

function http1() {
  const result = setUp();
  result.connection.speaks = { protocol: "http1" };
  return result;
}

function request(complete: boolean): NodeExchange {
  return { isComplete: () => complete } as NodeExchange; // what `judge` reads of a request
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

test("an HTTP/2 connection keeps its own times, and is told of them", () => {
  const { connection, judge } = setUp();
  const times: number[] = [];
  connection.speaks = {
    protocol: "http2",
    peer: {
      tick: (now) => times.push(now),
      leave: () => undefined,
      calmDown: () => undefined,
      destroy: () => undefined,
    },
  };
  expect(judge(1)).toBe("keep");
  expect(judge(100 * LIMITS.idleMs)).toBe("keep");
  expect(times).toEqual([1, 100 * LIMITS.idleMs]);
});

test("an upgraded connection is kept: whoever took it over keeps its times", () => {
  const { connection, judge } = setUp();
  connection.speaks = { protocol: "upgraded" };
  expect(judge(100 * LIMITS.idleMs)).toBe("keep");
});

describe("an idle connection of HTTP/1.1 that is to leave", () => {
  function answered() {
    const result = http1();
    const first = request(true);
    result.connection.begin(first);
    result.socket.bytesRead = 100;
    result.connection.end(first, 0);
    return result;
  }

  test("ends at once when its last request was long ago", () => {
    const { connection, clock, socket } = answered();
    clock.advance(2001);
    connection.leave();
    expect(socket.isEnded).toBe(true);
  });

  test.each([
    ["that had a request lately", answered],
    ["that has just been opened", setUp],
  ])("%s is kept for a second", (_what, open) => {
    const { connection, clock, socket } = open();
    clock.advance(2000);
    connection.leave();
    clock.advance(999);
    expect(socket.isEnded).toBe(false);
    connection.leave(); // again: wins no time
    clock.advance(1);
    expect(socket.isEnded).toBe(true);
  });

  test("answers the request that comes in time, and is kept for another where that answer did not say close", () => {
    const { connection, clock, socket } = answered();
    connection.leave();
    clock.advance(999);
    const next = request(true);
    socket.bytesRead = 200;
    connection.begin(next);
    clock.advance(60_000);
    expect(socket.isEnded).toBe(false);
    connection.end(next, clock.now());
    connection.leave();
    clock.advance(999);
    expect(socket.isEnded).toBe(false);
    clock.advance(1);
    expect(socket.isEnded).toBe(true);
  });

  test("has another second for the rest of a head that has begun, and no more", () => {
    const { connection, clock, socket } = answered();
    clock.advance(10_000);
    socket.bytesRead = 101;
    connection.leave();
    clock.advance(1000);
    expect(socket.isEnded).toBe(false);
    socket.bytesRead = 102;
    clock.advance(999);
    expect(socket.isEnded).toBe(false);
    clock.advance(1);
    expect(socket.isEnded).toBe(true);
  });

  test.each(["readableEnded", "writableEnded"] as const)("is not kept once a side of it has ended: %s", (side) => {
    const { connection, socket } = answered();
    socket[side] = true;
    connection.leave();
    expect(socket.isEnded).toBe(true);
  });

  test("and proves to speak HTTP/2 is its carrier's", () => {
    const { connection, clock, socket } = setUp();
    connection.leave();
    connection.speaks = {
      protocol: "http2",
      peer: { tick: () => undefined, leave: () => undefined, calmDown: () => undefined, destroy: () => undefined },
    };
    clock.advance(5000);
    expect(socket.isEnded).toBe(false);
  });
});

test("a peer whose certificate has ended leaves by its next answer, and has a minute for what is under way", () => {
  const { connection, judge } = setUp({ identity: undefined, endsAt: 100_000, problem: undefined });
  connection.speaks = { protocol: "http1" };
  connection.begin(request(true));
  judge(99_999);
  expect(connection.isRetiring).toBe(false);
  expect(judge(100_000)).toBe("keep");
  expect(connection.isRetiring).toBe(true);
  expect(judge(159_999)).toBe("keep");
  expect(judge(160_000)).toBe("close");
});
