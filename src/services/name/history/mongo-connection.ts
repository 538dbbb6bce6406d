import { setTimeout } from "node:timers/promises";
import type { MongoClient } from "mongodb";
import { backoffMs } from "./backoff.ts";

/** Neither may throw. */
export interface ConnectionEvents {
  /** An attempt failed. */
  onFailure(error: unknown): void;
  /** There are no more attempts. */
  onConnected(): void;
}

/**
 * Connects the client, again and again until it is: the driver watches its servers only from then on, and until then gives up
 * after its `serverSelectionTimeoutMS`. Disposing of it ends the attempts and closes the client.
 */
export function keepConnecting(client: MongoClient, { onFailure, onConnected }: ConnectionEvents): AsyncDisposable {
  const ending = new AbortController();

  async function connect(): Promise<void> {
    for (let failures = 1; !ending.signal.aborted; failures++) {
      try {
        await client.connect();
        onConnected();
        return;
      } catch (error) {
        if (!ending.signal.aborted) {
          onFailure(error);
          await pause(backoffMs(failures, Math.random));
        }
      }
    }
  }

  async function pause(delayMs: number): Promise<void> {
    try {
      await setTimeout(delayMs, undefined, { signal: ending.signal, ref: false });
    } catch {
      // It has ended.
    }
  }

  const connected = connect();
  let closed: Promise<void> | undefined;

  async function close(): Promise<void> {
    ending.abort();
    await client.close();
    await connected;
    await client.close(); // an attempt that had only looked for the server's name has gone on, and connected
  }

  return {
    [Symbol.asyncDispose]() {
      closed ??= close();
      return closed;
    },
  };
}
