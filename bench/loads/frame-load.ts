import { connectFrames, type FrameClient } from "./frame-client.ts";
import { FRAME_JOBS, type FrameJobName } from "./frame-jobs.ts";
import { takeOrders } from "./orders.ts";

/** What the load of frames is to do. */
export interface FrameOrder {
  readonly job: FrameJobName;
  readonly port: number;
  readonly connections: number;
  /** Runs of the job at a time, on each connection. */
  readonly streams: number;
  /** Runs of the job in all. */
  readonly count: number;
  /** The server sends back what it gets. */
  readonly isEcho: boolean;
}

takeOrders(async ({ job, port, connections, streams, count, isEcho }: FrameOrder) => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => undefined); // it may fail before it is waited for
  using stack = new DisposableStack();
  const run = FRAME_JOBS[job]({ authority: `127.0.0.1:${port}`, isEcho });
  let begun = 0;
  let done = 0;
  const next = (client: FrameClient): void => {
    if (begun === count) return;
    begun++;
    run(client, () => {
      if (++done === count) resolve();
      else next(client);
    });
  };
  const thrown = (error: Error) => reject(error);
  process.once("uncaughtException", thrown);
  stack.defer(() => process.off("uncaughtException", thrown));
  const clients = await Promise.all(Array.from({ length: connections }, () => connectFrames(port, reject)));
  for (const client of clients) stack.use(client);
  for (let stream = 0; stream < streams; stream++) {
    for (const client of clients) next(client);
  }
  await promise;
});
