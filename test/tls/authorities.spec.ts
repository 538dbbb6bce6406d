import { once } from "node:events";
import * as http2 from "node:http2";
import * as https from "node:https";
import type * as tls from "node:tls";
import { tlsFiles } from "portico/client";
import { expect, test } from "vitest";
import { createAuthority, type Pair } from "../../tools/certificates/authority.ts";
import { startLoad } from "../life/load/load.ts";
import { until } from "../support/until.ts";
import { overHttp1 } from "./over-tls.ts";
import { channelWorks } from "./renewal-load.ts";
import {
  AGE_MS,
  contentOf,
  HOLDERS,
  type Holder,
  issueFor,
  renewed,
  serialOf,
  startRenewedServices,
} from "./renewed-services.ts";
import { watchServedSockets } from "./served-sockets.ts";
import { watchRetries } from "./watched-retries.ts";

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const CALL = {
  method: "POST",
  path: "/name.v1.NameService/ProcessName",
  headers: { "content-type": "application/json" },
  body: '{"name":"ada"}',
} as const;

/** A client that stays what it is: over one connection of HTTP/1.1 for as long as that may be, and over one of HTTP/2. */
function lastingClient(url: string, options: tls.SecureContextOptions) {
  const agent = new https.Agent({ ...options, keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });
  const session = http2.connect(url, options);
  session.on("error", () => undefined); // its streams say it
  return {
    /** The status of a call over HTTP/1.1. */
    async ask(): Promise<number | undefined> {
      const request = https.request(new URL(CALL.path, url), { agent, method: CALL.method, headers: CALL.headers });
      const [response] = await once(request.end(CALL.body), "response");
      response.resume();
      await once(response, "end");
      return response.statusCode;
    },
    /** Resolves with the status of a call over HTTP/2, or with nothing where the connection takes no more. */
    async askOver2(): Promise<number | undefined> {
      if (session.closed || session.destroyed) return undefined;
      const stream = session.request({ ":method": CALL.method, ":path": CALL.path, ...CALL.headers });
      return once(stream.resume().end(CALL.body), "response").then(
        ([fields]) => fields[":status"],
        () => undefined, // it is not told from the connection's end
      );
    },
    [Symbol.dispose]() {
      agent.destroy();
      session.destroy();
    },
  };
}

test("an authority is replaced step by step while calls go on, and then its clients are refused", {
  timeout: 120_000,
}, async () => {
  using served = watchServedSockets();
  using retries = watchRetries();
  await using services = await startRenewedServices();
  const { authority: old, apps, ports, secrets, clientFiles } = services;
  const next = await createAuthority("next");
  const both = old.cert + next.cert;
  const { url } = apps.name;
  using clientTls = await tlsFiles({ ...clientFiles, maxConnectionAgeMs: AGE_MS, log: silent });
  const oldClient = await issueFor("client", old);
  const newClient = await issueFor("client", next);
  const load = startLoad(channelWorks({ name: url, greeter: apps.greeter.url }, clientTls));

  /** Writes what everybody has from now on, and waits until everybody uses it. */
  async function everybodyHas(pairs: Readonly<Record<Holder, Pair>>, trusted: string): Promise<void> {
    const clientRenewed = Promise.withResolvers<void>();
    const forget = clientTls.onRenewal(clientRenewed.resolve);
    const write = (holder: Holder) => secrets[holder].swap(contentOf(pairs[holder], trusted));
    await Promise.all([
      renewed(apps.name, () => HOLDERS.forEach(write)),
      renewed(apps.greeter, () => undefined),
      clientRenewed.promise,
    ]);
    forget();
  }

  const pairsOf = async (authority: typeof old): Promise<Readonly<Record<Holder, Pair>>> => ({
    name: await issueFor("name", authority),
    greeter: await issueFor("greeter", authority),
    client: await issueFor("client", authority),
  });
  const statusFor = async (pair: Pair) => (await overHttp1(url, { ca: both, ...pair }, CALL)).status;

  try {
    expect([await statusFor(oldClient), await statusFor(newClient)]).toEqual([200, 401]);
    await everybodyHas(await pairsOf(old), both);
    expect([await statusFor(oldClient), await statusFor(newClient)]).toEqual([200, 200]);
    const pairs = await pairsOf(next);
    await everybodyHas(pairs, both);
    expect([await statusFor(oldClient), await statusFor(newClient)]).toEqual([200, 200]);

    using lasting = lastingClient(url, { ca: both, ...oldClient });
    expect([await lasting.ask(), await lasting.askOver2()]).toEqual([200, 200]);
    const oldClients = () => served.openAt(ports.name).filter(({ peer }) => peer === serialOf(oldClient));
    await until(() => oldClients().length === 2); // those of single calls are gone
    await everybodyHas(pairs, next.cert);
    expect([await statusFor(oldClient), await statusFor(newClient)]).toEqual([401, 200]);
    // What it still has is gone within the age, call by call or not.
    await until(async () => (await lasting.ask()) === 401, AGE_MS + 8000);
    await until(async () => (await lasting.askOver2()) === undefined, AGE_MS + 8000);
    await until(() =>
      served
        .openAt(ports.greeter)
        .every(({ own, peer }) => own === serialOf(pairs.greeter) && peer === serialOf(pairs.client)),
    );
  } finally {
    await load.end();
  }
  expect(load.tally.lost).toEqual([]);
  expect(retries.seen).toEqual([]); // greeter's own channel would have made up for lost calls
});
