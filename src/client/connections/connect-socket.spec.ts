import * as http2 from "node:http2";
import * as tls from "node:tls";
import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ask as askTarget } from "../../../test/support/http-request.ts";
import { httpTarget } from "../../../test/support/http-target.ts";
import { listening } from "../../../test/support/listening.ts";
import { selfSigned } from "../../../tools/certificates/authority.ts";
import type { ChannelTls } from "../../tls/renewable-tls.ts";

async function ask(url: string, options: ChannelTls): Promise<string> {
  const target = httpTarget(new URL(url), { tls: options });
  try {
    return (await (await askTarget(target, url)).whole).text;
  } finally {
    target.close();
  }
}

const names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
const server = await selfSigned({ commonName: "server", ...names });
const client = await selfSigned({ commonName: "client", ...names });

describe("TLS, with certificates that vouch for themselves", () => {
  /** Tells who asks, and for which host. */
  function secureServer(options: http2.SecureServerOptions = {}) {
    return listening(
      http2.createSecureServer({ ...server, ...options }, (request, response) => {
        const socket = request.stream.session?.socket as tls.TLSSocket; // a secure server's
        const subject = socket.getPeerCertificate().subject?.CN ?? "nobody";
        response.end(`${request.scheme} ${subject} ${socket.servername || "no name"}`);
      }),
    );
  }

  test("connects to a target that the given authority vouches for, by name and by address", async () => {
    await using app = await secureServer();
    const options = { ca: server.cert };
    await expect(ask(`https://localhost:${app.port}/`, options)).resolves.toBe("https nobody localhost");
    await expect(ask(`https://127.0.0.1:${app.port}/`, options)).resolves.toBe("https nobody no name");
  });

  test("shows its certificate to a target that wants one", async () => {
    await using app = await secureServer({ requestCert: true, rejectUnauthorized: true, ca: client.cert });
    const options = { ca: Buffer.from(server.cert), ...client };
    await expect(ask(`https://localhost:${app.port}/`, options)).resolves.toBe("https client localhost");
    await expect(ask(`https://localhost:${app.port}/`, { ca: server.cert })).rejects.toMatchObject({
      code: Code.Unavailable,
    });
  });

  test("refuses a target that nobody vouches for, and says so", async () => {
    await using app = await secureServer();
    for (const options of [{}, { ca: client.cert }]) {
      await expect(ask(`https://localhost:${app.port}/`, options)).rejects.toMatchObject({
        code: Code.Unavailable,
        rawMessage: expect.stringMatching(
          /^the connection to https:.* could not be made: the peer's certificate is not accepted: it is signed by itself/,
        ),
      });
    }
  });

  test("refuses a target that chooses no HTTP/2", async () => {
    await using app = await listening(tls.createServer({ ...server, ALPNProtocols: ["http/1.1"] }));
    await expect(ask(`https://localhost:${app.port}/`, { ca: server.cert })).rejects.toMatchObject({
      code: Code.Unavailable,
    });
    await using silent = await listening(tls.createServer(server, (socket) => socket.on("error", () => undefined)));
    await expect(ask(`https://localhost:${silent.port}/`, { ca: server.cert })).rejects.toMatchObject({
      code: Code.Unavailable,
      rawMessage: expect.stringContaining("the peer does not choose HTTP/2 by ALPN"),
    });
  });
});
