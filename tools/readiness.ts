import { readFile } from "node:fs/promises";
import * as http from "node:http";
import * as https from "node:https";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import type { Placement } from "./placement.ts";

const pollMs = 50;
const probeMs = 1_000;

/**
 * Asks `/readyz` until the service has started or the signal aborts. One that lacks something it depends on has started as
 * well: it answers calls, and nobody knows when it gets what it lacks. Over TLS the answer counts if the service's
 * certificate is good; no other is shown, since the probes are open to everybody.
 * @returns The names of the conditions that the service fails, none where it is ready; undefined once the signal aborts.
 */
export async function untilStarted(
  { url, tls }: Pick<Placement, "url" | "tls">,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  while (!signal.aborted) {
    const failing = await askWhatFails(url, tls?.ca);
    if (failing !== undefined) return failing;
    await delay(pollMs);
  }
  return undefined;
}

async function askWhatFails(url: string, caFile: string | undefined): Promise<readonly string[] | undefined> {
  // No agent: a connection kept alive would be one more for the service to wait for when it stops.
  const options = { agent: false, timeout: probeMs } as const;
  const address = `${url}/readyz`;
  const request = address.startsWith("https:")
    ? https.get(address, { ...options, ...(await trustIn(caFile)) })
    : http.get(address, options);
  request.once("timeout", () => request.destroy());
  return new Promise((resolve) => {
    request.once("response", (response) => resolve(whatFailsBy(response)));
    // Refused is the usual answer until the port is open: the next question follows.
    request.on("error", () => resolve(undefined));
    request.once("close", () => resolve(undefined));
  });
}

/** Undefined for an answer that is cut off, or of no service that has started. */
async function whatFailsBy(response: http.IncomingMessage): Promise<readonly string[] | undefined> {
  try {
    const body = await text(response);
    if (response.statusCode === 200) return [];
    const { status, failing } = JSON.parse(body) as { readonly status?: unknown; readonly failing?: unknown }; // null throws
    return status === "failing" && Array.isArray(failing) ? failing.map(String) : undefined;
  } catch {
    return undefined;
  }
}

/** Read each time, since it is renewed. One that cannot be read the service complains of, and does not become ready. */
async function trustIn(caFile: string | undefined): Promise<{ readonly ca?: Buffer }> {
  if (caFile === undefined) return {};
  return readFile(caFile).then(
    (ca) => ({ ca }),
    () => ({}),
  );
}
