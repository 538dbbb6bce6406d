import { once } from "node:events";
import { get } from "node:http";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Placement } from "./placement.ts";

const pollMs = 50;
const probeMs = 1_000;

/**
 * Whether somebody listens on a service's port already. It matters before the start: an older copy of the same service
 * would answer the readiness probe in the new one's place.
 */
export async function isPortTaken({ host, port }: Pick<Placement, "host" | "port">): Promise<boolean> {
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

/** Asks `/readyz` until it answers 200 or the signal aborts; says which of the two happened. */
export async function becomesReady(url: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (await answersReady(url)) return true;
    await delay(pollMs);
  }
  return false;
}

async function answersReady(url: string): Promise<boolean> {
  // No agent: a connection kept alive would be one more for the service to wait for when it stops.
  const request = get(`${url}/readyz`, { agent: false, timeout: probeMs });
  request.once("timeout", () => request.destroy());
  return new Promise((resolve) => {
    request.once("response", (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    // Refused is the usual answer until the port is open: the next question follows.
    request.on("error", () => resolve(false));
    request.once("close", () => resolve(false));
  });
}
