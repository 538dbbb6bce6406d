import { once } from "node:events";
import type * as tls from "node:tls";

/** Has a server of TLS listen on a free port of 127.0.0.1; disposing it closes it. */
export async function listening<S extends tls.Server>(server: S): Promise<AsyncDisposable & { readonly port: number }> {
  server.on("tlsClientError", () => undefined); // its client says what is wrong
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number }; // it listens on a port
  return {
    port,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}
