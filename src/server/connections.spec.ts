import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { createVirtualClock } from "../../test/simulation/virtual-clock.ts";
import type { Logger } from "../call/logger.ts";
import { NO_CERTIFICATE } from "../tls/identity.ts";
import { createConnections } from "./connections.ts";
import { DEFAULT_PORT_LIMITS } from "./limits.ts";

const WITHIN_MS = 60_000;

/** Connections of HTTP/2 whose peers do as a test has it. */
function setUp() {
  const clock = createVirtualClock();
  const lines: unknown[] = [];
  const log: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (...what: readonly unknown[]) => void lines.push(what),
    error: () => undefined,
  };
  const connections = createConnections({ limits: DEFAULT_PORT_LIMITS, clock, log, onHeadTimeout: () => undefined });

  function open() {
    const peer = { askedAt: undefined as number | undefined, asked: 0, endedAt: undefined as number | undefined };
    const socket = Object.assign(new EventEmitter(), {
      remoteAddress: "127.0.0.1",
      destroy() {
        peer.endedAt ??= clock.now();
        socket.emit("close");
      },
    });
    const connection = connections.add(socket as unknown as Socket, NO_CERTIFICATE); // what is used of one
    connection.speaks = {
      protocol: "http2",
      peer: {
        tick: () => undefined,
        leave() {
          peer.asked++;
          peer.askedAt ??= clock.now();
        },
        calmDown: () => undefined,
        destroy: () => undefined,
      },
    };
    return { peer, connection, goAway: () => socket.destroy() };
  }
  return { clock, lines, connections, open };
}

describe("connections that are retired", () => {
  test("are asked to leave once each, at moments by chance in the first half of the time", async () => {
    const { clock, connections, open } = setUp();
    const opened = Array.from({ length: 200 }, open);
    connections.retire(WITHIN_MS);
    await clock.advance(WITHIN_MS - 1);
    const moments = opened.map(({ peer }) => peer.askedAt ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
    expect(moments.at(-1)).toBeLessThan(WITHIN_MS / 2);
    const quarters = [0, 1, 2, 3].map(
      (quarter) => moments.filter((at) => Math.floor(at / (WITHIN_MS / 8)) === quarter).length,
    );
    expect(Math.min(...quarters)).toBeGreaterThan(15); // of 50; fewer come by chance once in 10^9 times
    expect(opened.map(({ peer }) => [peer.asked, peer.endedAt])).toEqual(opened.map(() => [1, undefined]));
  });

  test("are ended at the end of the time where they have not left, with one line for all", async () => {
    const { clock, lines, connections, open } = setUp();
    const opened = Array.from({ length: 5 }, open);
    connections.retire(WITHIN_MS);
    await clock.advance(WITHIN_MS / 2);
    for (const { goAway } of opened.slice(0, 2)) goAway();
    await clock.advance(WITHIN_MS / 2);
    expect(opened.map(({ peer }) => peer.endedAt)).toEqual([30_000, 30_000, 60_000, 60_000, 60_000]);
    expect(lines).toEqual([
      [{ connections: 3 }, "connections with requests are ended: a renewed certificate has replaced theirs"],
    ]);
    expect(connections.size).toBe(0);
  });

  test("are no reason for a line where all have left", async () => {
    const { clock, lines, connections, open } = setUp();
    const { goAway } = open();
    connections.retire(WITHIN_MS);
    goAway();
    await clock.advance(WITHIN_MS);
    expect(lines).toEqual([]);
  });

  test("are those that there are, and not those that come later", async () => {
    const { clock, connections, open } = setUp();
    connections.retire(WITHIN_MS);
    const { peer } = open();
    await clock.advance(2 * WITHIN_MS);
    expect(peer).toEqual({ askedAt: undefined, asked: 0, endedAt: undefined });
  });

  test("have the time of the first renewal where there are several", async () => {
    const { clock, connections, open } = setUp();
    const first = open();
    connections.retire(WITHIN_MS);
    await clock.advance(WITHIN_MS / 2);
    const second = open();
    connections.retire(WITHIN_MS);
    await clock.advance(2 * WITHIN_MS);
    expect([first.peer.endedAt, second.peer.endedAt]).toEqual([WITHIN_MS, 1.5 * WITHIN_MS]);
  });

  test("leave no timer behind when all are destroyed", async () => {
    const { clock, connections, open } = setUp();
    const opened = Array.from({ length: 3 }, open);
    connections.retire(WITHIN_MS);
    await clock.advance(10);
    connections.destroy();
    expect(clock.timers).toBe(0);
    expect(opened.map(({ peer }) => peer.endedAt)).toEqual([10, 10, 10]);
  });
});
