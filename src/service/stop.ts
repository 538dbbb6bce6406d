import { Code, ConnectError } from "@connectrpc/connect";
import type { Readiness } from "../builtin/readiness.ts";
import type { Clock } from "../call/clock.ts";
import { runInService } from "../call/current.ts";
import type { Tasks } from "../call/tasks.ts";
import type { ServiceLogger } from "../observe/logger.ts";
import type { Port } from "../server/port.ts";
import type { BaseConfig } from "./configuration.ts";

/** What cancelled calls have left to be answered before their connections are cut, in milliseconds. */
const CANCELLATION_MS = 1000;
/** What connections have left to carry their last answers and be closed by their peers, in milliseconds. */
const FLUSH_MS = 1000;

/** What a drain acts on. */
interface Stoppable {
  readonly log: ServiceLogger;
  readonly clock: Clock;
  readonly tasks: Tasks;
  readonly readiness: Readiness;
  readonly config: BaseConfig;
  readonly port: Port;
  closeResources(): Promise<void>;
}

/** The drain of a service, begun by the first call. */
export function stopOnce(stoppable: Stoppable): () => Promise<void> {
  let stopped: Promise<void> | undefined;
  return () => {
    stopped ??= runInService(stoppable.tasks, () => stop(stoppable)); // whoever stops may be in the middle of a call
    return stopped;
  };
}

async function stop({ config, log, clock, tasks, readiness, port, closeResources }: Stoppable): Promise<void> {
  log.info("action=stop, status=draining");
  readiness.set("draining");
  await passed(clock, config.SHUTDOWN_DELAY_MS);
  readiness.set("closing");
  port.close();
  const settled = settledWork(port, tasks, clock);
  if ((await Promise.race([settled, passed(clock, config.SHUTDOWN_GRACE_MS)])) !== "settled") {
    const { requests } = port.stats();
    if (requests > 0 || tasks.active > 0) {
      log.warn({ requests, tasks: tasks.active }, "the grace of the shutdown is over; what is left is cancelled");
    }
    const reason = new ConnectError("the service is shutting down", Code.Unavailable);
    port.interrupt(reason);
    tasks.cancel(reason);
    await Promise.race([settled, passed(clock, CANCELLATION_MS)]);
    await Promise.race([port.empty(), passed(clock, FLUSH_MS)]);
  }
  port.destroy();
  await closeResources();
  log.info("action=stop, status=success");
  log.flush();
}

/**
 * A call may leave work behind when it ends, and work may not begin a call: so calls first. Until its peer has left, a
 * connection may still bring a request that was on its way: so again.
 */
async function settledWork(port: Port, tasks: Tasks, clock: Clock): Promise<"settled"> {
  do {
    await port.idle();
    await tasks.settled();
    await Promise.race([port.empty(), passed(clock, FLUSH_MS)]);
  } while (port.stats().requests > 0 || tasks.active > 0);
  return "settled";
}

/** Resolves after a time. */
export function passed(clock: Clock, delayMs: number): Promise<"passed"> {
  return new Promise((resolve) => {
    clock.schedule(delayMs, () => resolve("passed"));
  });
}
