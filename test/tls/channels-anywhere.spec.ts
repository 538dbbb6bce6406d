import { createClient } from "@connectrpc/connect";
import Koa from "koa";
import { createChannel, currentCall, defineService, detached, implement } from "portico";
import { startTest } from "portico/testing";
import { expect, test } from "vitest";
import { NameService } from "../../gen/name/v1/name_pb.js";
import { createAuthority } from "../../tools/certificates/authority.ts";
import { openFolder } from "./folder.ts";
import { overHttp1 } from "./over-tls.ts";

const authority = await createAuthority("authority");
const FRONT = "spiffe://portico.test/front";

test("a channel speaks TLS with the service's certificate wherever in the service it is opened", async () => {
  await using folder = await openFolder();
  const names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
  const backPair = await authority.issue({ commonName: "back", ...names });
  const frontPair = await authority.issue({ commonName: "front", ...names, uris: [FRONT] });
  const back = await folder.writePair("back", backPair);
  const front = await folder.writePair("front", frontPair);
  const ca = await folder.write("ca.crt", authority.cert);
  const tls = { TLS_CLIENT_CA_FILE: ca, TLS_CA_FILE: ca };

  const whoCalls = defineService({
    name: "back",
    routes: () => [
      implement(NameService, {
        processName: () => ({ name: currentCall().peer.identity?.name ?? "nobody" }),
        async *processNames() {
          yield { name: "nobody asks" };
        },
      }),
    ],
  });
  await using app = await startTest(whoCalls, { config: { TLS_CERT_FILE: back.cert, TLS_KEY_FILE: back.key, ...tls } });
  const target = `static:///127.0.0.1:${new URL(app.url).port}`;
  const ask = async () => {
    await using channel = createChannel(target);
    return (await createClient(NameService, channel).processName({ name: "x" })).name;
  };
  const told = Promise.withResolvers<string>();
  const opening = defineService({
    name: "front",
    resources: async () => ask(),
    routes: ({ resources }) => [
      implement(NameService, {
        processName: async ({ name }) => ({ name: name === "resources" ? resources : await ask() }),
        async *processNames() {
          yield { name: await ask() };
        },
      }),
    ],
    http: () =>
      new Koa().use(async (context) => {
        detached("ask", async () => told.resolve(await ask()));
        context.body = await ask();
      }),
  });
  await using service = await startTest(opening, {
    config: { TLS_CERT_FILE: front.cert, TLS_KEY_FILE: front.key, ...tls },
  });
  const client = service.client(NameService);
  expect((await client.processName({ name: "resources" })).name).toBe(FRONT);
  expect((await client.processName({ name: "handler" })).name).toBe(FRONT);
  for await (const { name } of client.processNames(once({ name: "stream" }))) expect(name).toBe(FRONT);
  const { body } = await overHttp1(service.url, { ca: authority.cert, ...frontPair }, { path: "/" });
  expect(body).toBe(FRONT);
  expect(await told.promise).toBe(FRONT);
});

async function* once<T>(message: T): AsyncGenerator<T> {
  yield message;
}
