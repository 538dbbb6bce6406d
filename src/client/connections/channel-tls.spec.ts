import { once } from "node:events";
import * as http2 from "node:http2";
import { Code, createClient } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { GreeterService } from "../../../gen/greeter/v1/greeter_pb.js";
import { makeCertificates } from "../../../test/support/certificates.ts";
import { createChannel } from "../channel.ts";

const { authority, server, client, stranger } = await makeCertificates();

test.each([
  [{ ca: "garbage" }, "tls.ca holds no certificate in PEM"],
  [{ ca: "" }, "tls.ca holds no certificate in PEM"],
  [
    { ca: Buffer.from("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n") },
    "tls.ca holds a certificate that cannot be read: ",
  ],
  [{ cert: "garbage", key: "garbage" }, "tls.cert cannot be used: "],
  [{ cert: "garbage" }, "tls.cert needs tls.key"],
  [{ key: "garbage" }, "tls.key needs tls.cert"],
])("a channel with the TLS options %o is refused when it is made", (tls, message) => {
  expect(() => createChannel("https://localhost:1", { tls })).toThrow(
    `createChannel("https://localhost:1/"): ${message}`,
  );
});

describe("TLS of a channel", () => {
  test("is refused where a certificate among others is broken, or the key is another's", () => {
    const open = (tls: object) => createChannel("https://localhost:1", { tls });
    const broken = "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n";
    expect(() => open({ ca: authority.cert + broken })).toThrow(
      "tls.ca holds a certificate (the 2. of 2) that cannot be read: ",
    );
    expect(() => open({ cert: client.cert, key: "garbage" })).toThrow("tls.key cannot be used: ");
    expect(() => open({ cert: client.cert, key: stranger.key })).toThrow("tls.cert and tls.key cannot be used: ");
  });

  test("is taken with comments between several authorities", () => {
    const ca = `# one\n${authority.cert}# two\n${stranger.cert}`;
    expect(() => createChannel("https://localhost:1", { tls: { ca, ...client } })).not.toThrow();
  });

  test.each([
    { protocol: "connect", httpVersion: "2" },
    { protocol: "connect", httpVersion: "1.1" },
    { protocol: "grpc-web", httpVersion: "1.1" },
  ] as const)(
    "has calls to a target that nobody vouches for fail as unavailable: $protocol over HTTP/$httpVersion",
    async (options) => {
      const app = http2.createSecureServer({ ...server, allowHTTP1: true }).listen(0, "127.0.0.1");
      await once(app, "listening");
      const { port } = app.address() as { port: number }; // it listens on a port
      for (const tls of [{}, { ca: stranger.cert }]) {
        await using channel = createChannel(`https://127.0.0.1:${port}`, { ...options, tls });
        await expect(createClient(GreeterService, channel).sayHello({ name: "x" })).rejects.toMatchObject({
          code: Code.Unavailable,
          rawMessage: expect.stringMatching(/^the connection to https:.* the peer's certificate is not accepted: /),
        });
      }
      app.close();
      await once(app, "close");
    },
  );
});
