import { once } from "node:events";
import { createServer } from "node:net";
import type { Placement } from "./placement.ts";
import { variablePrefix } from "./services.ts";

/**
 * Finds services whose port somebody listens on already. It matters before the start: an older copy of the same service
 * would answer the readiness probe in the new one's place.
 * @returns A line for each.
 */
export async function findTakenPorts(placements: readonly Placement[]): Promise<readonly string[]> {
  const isTaken = await Promise.all(placements.map(isPortTaken));
  return placements
    .filter((_, index) => isTaken[index])
    .map(
      ({ service, port }) =>
        `${service.name}: port ${port} is in use; free it, or set ${variablePrefix(service.name)}_PORT.`,
    );
}

async function isPortTaken({ host, port }: Placement): Promise<boolean> {
  const failure = await failureToListen(host ?? "::", port);
  // Where IPv6 is off, services fall back to IPv4, and so does this.
  const isWithoutIpv6 = host === undefined && (failure === "EAFNOSUPPORT" || failure === "EADDRNOTAVAIL");
  return (isWithoutIpv6 ? await failureToListen("0.0.0.0", port) : failure) === "EADDRINUSE";
}

/** Listens for a moment. What else can go wrong, such as a port that needs privileges, the service itself says best. */
async function failureToListen(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, "listening");
    server.close();
    await once(server, "close");
    return undefined;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}
