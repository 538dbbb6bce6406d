import { EventEmitter } from "node:events";
import type { TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import { makeCertificates } from "../../../test/support/certificates.ts";
import { renewedByHand } from "../../../test/tls/renewed-by-hand.ts";
import { type SocketSecurity, socketSecurity } from "./socket-security.ts";

const { authority, client } = await makeCertificates();
const HOST = "10.0.0.1";

const renewable = () => renewedByHand({ ca: authority.cert });

/** A socket to a peer, whose sessions come when the test says so. */
function watched(security: SocketSecurity, port: number) {
  const socket = new EventEmitter();
  security.optionsFor(HOST, port);
  security.watch(socket as TLSSocket, HOST, port); // all that is done with one
  return { gets: (session: string) => socket.emit("session", Buffer.from(session)) };
}

const sessionOf = (security: SocketSecurity, port: number) => security.optionsFor(HOST, port).session?.toString();

describe("a channel's sessions", () => {
  test("are each peer's own, and the last that it has given", () => {
    const security = socketSecurity(renewable(), "localhost");
    const [one, other] = [watched(security, 1), watched(security, 2)];
    expect(sessionOf(security, 1)).toBeUndefined();
    one.gets("first");
    one.gets("second");
    other.gets("other");
    expect([sessionOf(security, 1), sessionOf(security, 2), sessionOf(security, 3)]).toEqual([
      "second",
      "other",
      undefined,
    ]);
  });

  test("are forgotten with what they were made by, also those that come late", () => {
    const tls = renewable();
    const security = socketSecurity(tls, "localhost");
    const [early, late] = [watched(security, 1), watched(security, 2)];
    early.gets("early");
    tls.renew({ ca: authority.cert, ...client });
    late.gets("late");
    expect([sessionOf(security, 1), sessionOf(security, 2)]).toEqual([undefined, undefined]);
    late.gets("later");
    expect(sessionOf(security, 2)).toBeUndefined();
    watched(security, 2).gets("new");
    expect(sessionOf(security, 2)).toBe("new");
  });

  test("are remembered of a thousand peers", () => {
    const security = socketSecurity(renewable(), "localhost");
    for (let port = 1; port <= 1001; port++) watched(security, port).gets("first");
    watched(security, 1000).gets("second");
    expect([1, 1000, 1001].map((port) => sessionOf(security, port))).toEqual(["first", "second", undefined]);
  });
});

describe("what connections are made with", () => {
  test("is the same until it is renewed", () => {
    const tls = renewable();
    const security = socketSecurity(tls, "localhost");
    const { secureContext } = security.optionsFor(HOST, 1);
    expect(security.optionsFor(HOST, 2).secureContext).toBe(secureContext);
    tls.renew({ ca: authority.cert });
    expect(security.optionsFor(HOST, 1).secureContext).not.toBe(secureContext);
  });

  test.each([
    ["name.test", "name.test"],
    ["127.0.0.1", ""],
    ["::1", ""],
  ])("names the server %s as %j", (serverName, servername) => {
    expect(socketSecurity(renewable(), serverName).optionsFor(HOST, 1)).toMatchObject({ servername });
  });
});
