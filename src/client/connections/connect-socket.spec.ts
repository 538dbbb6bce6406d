import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import * as http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tls from "node:tls";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask as askTarget } from "../../../test/support/http-request.ts";
import { httpTarget } from "../../../test/support/http-target.ts";
import { listening } from "../../../test/support/listening.ts";
import type { ChannelTls } from "./connect-socket.ts";

interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

/** A certificate that vouches for itself. */
function selfSigned(folder: string, name: string): KeyPair {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  const names = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...curve, ...names, "-keyout", key, "-out", cert], { stdio: "ignore" });
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}

async function ask(url: string, options: ChannelTls): Promise<string> {
  const target = httpTarget(new URL(url), { tls: options });
  try {
    return (await (await askTarget(target, url)).whole).text;
  } finally {
    target.close();
  }
}

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

describe.skipIf(!hasOpenssl)("TLS, with certificates by openssl", () => {
  let folder = "";
  let server: KeyPair = { key: "", cert: "" };
  let client: KeyPair = { key: "", cert: "" };

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tls-"));
    server = selfSigned(folder, "server");
    client = selfSigned(folder, "client");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

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
        rawMessage: expect.stringMatching(/^the connection to https:.* could not be made: self-signed certificate/),
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
