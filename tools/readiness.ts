import { get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

const pollMs = 50;
const probeMs = 1_000;

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
