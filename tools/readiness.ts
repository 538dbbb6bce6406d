import { readFile } from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import type { Placement } from "./placement.ts";

const pollMs = 50;
const probeMs = 1_000;

/**
 * Asks `/readyz` until it answers 200 or the signal aborts; says which of the two happened. Over TLS the answer counts if
 * the service's certificate is good; no other is shown, since the probes are open to everybody.
 */
export async function becomesReady(
  { url, tls }: Pick<Placement, "url" | "tls">,
  signal: AbortSignal,
): Promise<boolean> {
  while (!signal.aborted) {
    if (await answersReady(url, tls?.ca)) return true;
    await delay(pollMs);
  }
  return false;
}

async function answersReady(url: string, caFile: string | undefined): Promise<boolean> {
  // No agent: a connection kept alive would be one more for the service to wait for when it stops.
  const options = { agent: false, timeout: probeMs } as const;
  const address = `${url}/readyz`;
  const request = address.startsWith("https:")
    ? https.get(address, { ...options, ...(await trustIn(caFile)) })
    : http.get(address, options);
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

/** Read each time, since it is renewed. One that cannot be read the service complains of, and does not become ready. */
async function trustIn(caFile: string | undefined): Promise<{ readonly ca?: Buffer }> {
  if (caFile === undefined) return {};
  return readFile(caFile).then(
    (ca) => ({ ca }),
    () => ({}),
  );
}
