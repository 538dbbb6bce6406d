import { SLOW } from "../peers/answers.ts";
import { openClient } from "./clients.ts";
import { takeOrders } from "./orders.ts";

// A client, by its name as the first argument, that makes many calls at once to a server that takes few.

/** What it is to do. */
export interface BurstOrder {
  readonly port: number;
  readonly calls: number;
}

takeOrders(async ({ port, calls }: BurstOrder): Promise<number> => {
  const client = openClient(process.argv[2], [port]);
  // Before the server has said how many it takes, node:http2 sends a hundred: it is asked once first.
  await client.processName("test");
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: calls }, () => client.processName(SLOW)));
  const tookMs = performance.now() - startedAt;
  client.close();
  return tookMs;
});
