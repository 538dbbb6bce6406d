import { once } from "node:events";
import * as tls from "node:tls";
import { defineService } from "portico";
import { startTest } from "portico/testing";
import { expect, test } from "vitest";
import { createAuthority } from "../../tools/certificates/authority.ts";
import { openFolder } from "./folder.ts";

const authority = await createAuthority("authority");
const issue = () => authority.issue({ commonName: "server", dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] });

test("a service serves the certificate that came while its resources were opened", async () => {
  await using folder = await openFolder();
  const { cert, key } = await folder.writePair("tls", await issue());
  const renewed = await issue();
  const slow = defineService({
    name: "slow",
    resources: async ({ log }) => {
      const taken = Promise.withResolvers<void>();
      const info = log.info.bind(log);
      Object.assign(log, {
        info(...what: Parameters<typeof info>) {
          info(...what);
          if (String(what.at(-1)).startsWith("action=renew_certificate, status=success")) taken.resolve();
        },
      });
      await folder.writePair("tls", renewed);
      await taken.promise;
    },
  });
  await using app = await startTest(slow, { config: { TLS_CERT_FILE: cert, TLS_KEY_FILE: key } });
  const socket = tls.connect({ port: Number(new URL(app.url).port), ca: authority.cert, servername: "localhost" });
  await once(socket, "secureConnect");
  expect(socket.getPeerX509Certificate()?.toString()).toBe(renewed.cert);
  socket.destroy();
});
