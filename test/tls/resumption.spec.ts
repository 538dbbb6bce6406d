import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import * as https from "node:https";
import type * as tls from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createChannel, type RenewableTls } from "portico/client";
import { describe, expect, test } from "vitest";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { createAuthority } from "../../tools/certificates/authority.ts";
import { accessLine, accessLines } from "../support/access.ts";
import { type LastingService, startLasting } from "./lasting.ts";
import { renewedByHand } from "./renewed-by-hand.ts";
import { serialOf } from "./renewed-services.ts";
import { watchServedSockets } from "./served-sockets.ts";

const clients = await createAuthority("clients");
const others = await createAuthority("others");
const ADA = "spiffe://portico.test/ada";
const ada = await clients.issue({ commonName: "ada", uris: [ADA] });

/** Asks who it is on a connection of its own, which may go on with a session. */
async function ask({ app, authority }: LastingService, version: tls.SecureVersion, session?: Buffer) {
  const options = { ca: authority.cert, ...ada, minVersion: version, maxVersion: version, agent: false } as const;
  const request = https.get(app.url, { ...options, ...(session && { session }) });
  const [socket] = (await once(request, "socket")) as [tls.TLSSocket]; // of node:https
  const kept = once(socket, "session");
  const [response] = (await once(request, "response")) as [IncomingMessage]; // node:https's
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  const isResumed = socket.isSessionReused();
  const [next] = (isResumed ? [session] : await kept) as [Buffer]; // one that is resumed stays as it is
  const requestId = String(response.headers["x-request-id"]);
  return { status: response.statusCode, text, isResumed, session: next, requestId };
}

describe.each(["TLSv1.3", "TLSv1.2"] as const)("a session of %s", (version) => {
  test("that is resumed has the identity of its first handshake: in the call, and in the access log", async () => {
    using served = watchServedSockets();
    await using service = await startLasting(clients.cert);
    const first = await ask(service, version);
    expect(first).toMatchObject({ status: 200, text: ADA, isResumed: false });
    const second = await ask(service, version, first.session);
    expect(second).toMatchObject({ status: 200, text: ADA, isResumed: true });
    expect(served.at(service.port).map(({ isResumed }) => isResumed)).toEqual([false, true]);
    for (const { requestId } of [first, second]) {
      expect(await accessLine(service.app, { request_id: requestId })).toMatchObject({ peer_identity: ADA });
    }
  });

  test("of a client whose authority is trusted no longer is refused, as is the client by a new one", async () => {
    await using service = await startLasting(clients.cert);
    const { session } = await ask(service, version);
    await service.renew(clients.cert + others.cert);
    const between = await ask(service, version, session);
    expect(between).toMatchObject({ status: 200, text: ADA });
    await service.renew(others.cert);
    for (const known of [session, between.session, undefined]) {
      const refused = await ask(service, version, known);
      expect(refused).toMatchObject({ status: 401, isResumed: false });
      expect(JSON.parse(refused.text)).toMatchObject({ code: "unauthenticated" });
      expect(await accessLine(service.app, { request_id: refused.requestId })).not.toHaveProperty("peer_identity");
    }
  });

  test("is not resumed once the service's certificate is another", async () => {
    await using service = await startLasting(clients.cert);
    const { session } = await ask(service, version);
    await service.renew();
    expect(await ask(service, version, session)).toMatchObject({ status: 200, text: ADA, isResumed: false });
  });
});

describe.each(["2", "1.1"] as const)("a channel over HTTP/%s that connects again", (httpVersion) => {
  /** What two connections of a channel are like, between which something happens. */
  async function twoConnections(service: LastingService, tls: RenewableTls, between: () => void) {
    using served = watchServedSockets();
    const protocol = httpVersion === "2" ? "grpc" : "connect";
    await using channel = createChannel(service.app.url, { tls, httpVersion, protocol });
    const { sayHello } = createClient(GreeterService, channel);
    await sayHello({ name: "ada" });
    between();
    for (const { socket } of served.at(service.port)) socket.destroy();
    await sayHello({ name: "ada" });
    return served.at(service.port).map(({ isResumed, peer }) => ({ isResumed, peer }));
  }

  test("resumes its session, and is who it was", async () => {
    await using service = await startLasting(clients.cert);
    const tls = renewedByHand({ ca: service.authority.cert, ...ada });
    expect(await twoConnections(service, tls, () => undefined)).toEqual([
      { isResumed: false, peer: serialOf(ada) },
      { isResumed: true, peer: serialOf(ada) },
    ]);
    const identities = accessLines(service.app).map(({ peer_identity }) => peer_identity);
    expect(identities).toEqual([ADA, ADA]);
  });

  test("begins anew once its certificate is another, or whom it trusts", async () => {
    await using service = await startLasting(clients.cert);
    const tls = renewedByHand({ ca: service.authority.cert, ...ada });
    const next = await clients.issue({ commonName: "ada", uris: [ADA] });
    expect(await twoConnections(service, tls, () => tls.renew({ ca: service.authority.cert, ...next }))).toEqual([
      { isResumed: false, peer: serialOf(ada) },
      { isResumed: false, peer: serialOf(next) },
    ]);
    const distrusting = twoConnections(service, tls, () => tls.renew({ ca: others.cert, ...next }));
    await expect(distrusting).rejects.toThrow("its issuer is not known");
  });
});
