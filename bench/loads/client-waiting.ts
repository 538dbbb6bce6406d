import { setTimeout as delay } from "node:timers/promises";
import { HELD, STREAMS } from "../peers/answers.ts";
import { collect } from "../peers/collect.ts";
import { openClient } from "./clients.ts";
import { takeOrders } from "./orders.ts";

// A client, by its name as the first argument, whose calls wait for a server that answers nothing until it is told to.

/** What it is to do: begin to wait, or wait until all is answered. */
export type WaitingOrder = { readonly port: number; readonly calls: number } | { readonly isToSettle: true };

/** What a call that waits takes, in bytes. */
export interface WaitingMemory {
  readonly heapBytes: number;
  readonly rssBytes: number;
}

/** As many as the connections of a channel carry, which makes 16; whoever makes one has them wait. */
const UNDER_WAY = 16 * STREAMS;
const WARM_UP_CALLS = 2_000;

let settled: Promise<number> = Promise.resolve(0);

/** Gives what calls take that wait, and in the end how many have failed. */
takeOrders(async (order: WaitingOrder): Promise<WaitingMemory | number> => {
  if ("isToSettle" in order) return await settled;
  const { port, calls } = order;
  const client = openClient(process.argv[2], [port]);
  await client.processName("test"); // it has heard how many the server takes
  await Promise.all(Array.from({ length: WARM_UP_CALLS }, () => client.processName("test")));
  const underWay = Array.from({ length: UNDER_WAY }, () => client.processName(HELD));
  await delay(500); // all connections are there
  await collect();
  const before = process.memoryUsage();
  const waiting = Array.from({ length: calls }, () => client.processName(HELD));
  settled = failuresOf([...underWay, ...waiting]);
  await collect();
  const after = process.memoryUsage();
  return { heapBytes: (after.heapUsed - before.heapUsed) / calls, rssBytes: (after.rss - before.rss) / calls };
});

async function failuresOf(calls: readonly Promise<unknown>[]): Promise<number> {
  const outcomes = await Promise.allSettled(calls);
  return outcomes.filter(({ status }) => status === "rejected").length;
}
