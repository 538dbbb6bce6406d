import { once } from "node:events";
import * as http2 from "node:http2";
import * as https from "node:https";
import { expect, test } from "vitest";
import { createAuthority } from "../../tools/certificates/authority.ts";
import { startSecured } from "./secured.ts";

/** Less than the silence after which a peer is asked whether it is there. */
const LIFE_MS = 25_000;
const authority = await createAuthority("authority");
const names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
const server = await authority.issue({ commonName: "server", ...names });
const ca = authority.cert;

/** Somebody whose certificate ends soon, and not before the test does. */
const client = await authority.issue({ commonName: "client", notAfter: new Date(Date.now() + LIFE_MS) });

const start = () => startSecured({ pair: server, clientCa: ca, clientAuth: "require" });

test("a connection over HTTP/2 leaves when its client's certificate ends", async () => {
  await using app = await start();
  const session = http2.connect(app.url, { ca, ...client });
  await once(session, "remoteSettings");
  const ask = async () => (await once(session.request({ ":path": "/healthz" }), "response"))[0][":status"];
  expect(await ask()).toBe(200); // by now either side has heard of the other's settings
  app.clock.advance(LIFE_MS - 5000);
  expect(await ask()).toBe(200);
  expect(session.closed).toBe(false);
  const leaves = once(session, "goaway");
  app.clock.advance(6000);
  await leaves;
  session.close();
});

test("a connection over HTTP/1.1 closes with the next answer after its client's certificate has ended", async () => {
  await using app = await start();
  const agent = new https.Agent({ keepAlive: true });
  const ask = async () => {
    const [response] = await once(https.get(`${app.url}/healthz`, { ca, ...client, agent }), "response");
    response.resume();
    await once(response, "end");
    return response.headers.connection as string;
  };
  expect(await ask()).toBe("keep-alive");
  app.clock.advance(LIFE_MS + 1000);
  expect(await ask()).toBe("close");
  agent.destroy();
});
