import { once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import * as tls from "node:tls";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { upperCaseNames } from "../support/echo.ts";

/** A server that is none of ours, for what ours does not do: Node's own, with NameService by connect-node. */
export interface BareServer extends AsyncDisposable {
  readonly url: string;
}

const listener = connectNodeAdapter({
  routes: (router) => router.service(upperCaseNames.service, upperCaseNames.methods),
});

/** Serves HTTP/1.1 and HTTP/2, chosen by ALPN, with any certificate and any version of TLS. */
export function openBareServer(options: tls.TlsOptions): Promise<BareServer> {
  return open(http2.createSecureServer({ ...options, allowHTTP1: true }, listener));
}

/** Serves HTTP/1.1, and knows nothing of ALPN. */
export function openServerWithoutAlpn(options: tls.TlsOptions): Promise<BareServer> {
  const above = http.createServer(listener);
  return open(tls.createServer(options, (socket) => above.emit("connection", socket)));
}

async function open(server: tls.Server): Promise<BareServer> {
  const sockets = new Set<tls.TLSSocket>();
  server.on("secureConnection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined); // its client says what is wrong
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", () => undefined);
  server.on("sessionError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // it listens on a port
  return {
    url: `https://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
