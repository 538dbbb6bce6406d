import { type NameClient, openClient } from "./clients.ts";
import { takeOrders } from "./orders.ts";

// The client whose CPU time is measured, by its name as the first argument.

/** What it is to do. */
export interface ClientOrder {
  readonly ports: readonly number[];
  readonly count: number;
  readonly inFlight: number;
}

let client: NameClient | undefined;

takeOrders(async ({ ports, count, inFlight }: ClientOrder) => {
  client ??= openClient(process.argv[2], ports);
  const { processName } = client;
  let begun = 0;
  const callOnAndOn = async () => {
    while (begun++ < count) {
      const { name } = await processName("test");
      if (name !== "TEST") throw new Error(`the answer is ${name}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, callOnAndOn));
});
