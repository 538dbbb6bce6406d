import type { AddressInfo, Server } from "node:net";

/** Opens `server`; `::` falls back to `0.0.0.0` where IPv6 is off. Throws what node:net throws, such as EADDRINUSE. */
export async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  try {
    return await open(server, host, port);
  } catch (error) {
    if (host === "::" && isNoIpv6(error)) {
      return open(server, "0.0.0.0", port);
    }
    throw error;
  }
}

function open(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve(server.address() as AddressInfo); // a string only for pipes
    });
  });
}

function isNoIpv6(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "EAFNOSUPPORT" || error.code === "EADDRNOTAVAIL");
}
