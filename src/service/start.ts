import type { AddressInfo } from "node:net";
import { createReadiness } from "../builtin/readiness.ts";
import { type Clock, systemClock } from "../call/clock.ts";
import { runInService } from "../call/current.ts";
import { fullName } from "../call/method-selector.ts";
import type { PeerIdentity } from "../call/peer.ts";
import { createTasks } from "../call/tasks.ts";
import type { LogDestination } from "../observe/log-output.ts";
import { createLogger, type ServiceLogger } from "../observe/logger.ts";
import type { Port, PortStats } from "../server/port.ts";
import { CredentialsError } from "../tls/credentials.ts";
import type { RenewableTls } from "../tls/renewable-tls.ts";
import { keepServiceTls } from "../tls/service-tls.ts";
import type { Implementation } from "../wire/implement.ts";
import { assemble, type Chassis } from "./assemble.ts";
import { type BaseConfig, readConfiguration } from "./configuration.ts";
import type { Application, ConfigShape, ServiceDefinition } from "./definition.ts";
import { createResourceStack } from "./resources.ts";
import { passed, stopOnce } from "./stop.ts";
import { clientAuthOf, openServiceTls, type ServiceTls } from "./tls.ts";

/** What a service takes from the process that it runs in. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly destination: LogDestination;
  /** The log is read on a terminal. */
  readonly terminal: boolean;
  readonly clock?: Clock;
  /** What answers calls; see the chassis. */
  readonly rpcPath?: Chassis["rpcPath"];
  /** Who peers count as that have no certificate: for tests. */
  readonly assumedIdentity?: PeerIdentity | undefined;
  /** Aborts when a start that is under way has to end. */
  readonly stopping?: AbortSignal;
}

/** What a service does now, and has seen since the start. */
export interface ServiceStats extends PortStats {
  /** Days until the service's certificate ends, negative where it has; undefined in cleartext. */
  readonly certificateDaysLeft: number | undefined;
}

export interface RunningService {
  readonly address: AddressInfo;
  readonly log: ServiceLogger;
  /** What its channels use by themselves; undefined where it has no certificates. */
  readonly channelTls: RenewableTls | undefined;
  stats(): ServiceStats;
  /**
   * Drains and stops, as the contract says: first not ready, then no further connections, then what is under way is
   * answered, and what is left at the end of the grace is cancelled; resources close last. The same promise every time.
   */
  stop(): Promise<void>;
}
/**
 * Starts a service: reads its configuration, opens its resources in order, then its port.
 *
 * @throws ConfigurationError; what a resource throws; Error where the port cannot be opened. What was open is closed.
 */
export async function startService<C extends ConfigShape, R>(
  definition: ServiceDefinition<C, R>,
  surroundings: Surroundings,
): Promise<RunningService> {
  const clock = surroundings.clock ?? systemClock;
  const { config, hints } = readConfiguration(definition, surroundings.env);
  const log = createLogger({
    name: definition.name,
    level: config.LOG_LEVEL,
    format: config.LOG_FORMAT ?? (surroundings.terminal ? "pretty" : "json"),
    colors: surroundings.terminal,
    destination: surroundings.destination,
  });
  for (const hint of hints) {
    log.warn(hint);
  }
  const tasks = createTasks(log);
  const resources = createResourceStack();
  const closeResources = async () => {
    const closing = resources.close().catch((error: unknown) => {
      log.error({ err: error }, "a resource failed to close");
    });
    if ((await Promise.race([closing, passed(clock, CLOSING_MS)])) === "passed") {
      log.warn(`a resource has not closed within ${CLOSING_MS / 1000} s, and is left behind`);
    }
  };

  async function open(): Promise<RunningService> {
    const tls = await openTls();
    if (tls !== undefined) {
      keepServiceTls(tasks, tls.channels);
    }
    return openWith(tls);
  }

  async function openTls(): Promise<ServiceTls | undefined> {
    try {
      const tls = await openServiceTls(config, { clock, log });
      return tls && resources.use(tls);
    } catch (error) {
      throw error instanceof CredentialsError ? new StartError(error.message, { cause: error }) : error;
    }
  }

  async function openWith(tls: ServiceTls | undefined): Promise<RunningService> {
    const readiness = createReadiness(log);
    const opened = await definition.resources?.({
      config,
      log,
      use: resources.use,
      condition: (name, services = []) =>
        readiness.condition(
          name,
          services.map(({ typeName }) => typeName),
        ),
    });
    surroundings.stopping?.throwIfAborted();
    // Without `resources`, R is undefined.
    const application: Application<C, R> = { config, log, resources: opened as R };
    const { port, implementations } = await assemble(definition, application, {
      clock,
      log,
      tasks,
      readiness,
      rpcPath: surroundings.rpcPath,
      assumedIdentity: surroundings.assumedIdentity,
      tls,
    });
    const address = await listen(port, config);
    readiness.set("serving");
    log.info(`action=start, status=success, address=${addressText(address)}${tlsText(config)}`);
    noteBrowserLimits(log, implementations);
    const stop = stopOnce({ config, log, clock, tasks, readiness, port, closeResources });
    const stats = () => ({ ...port.stats(), certificateDaysLeft: tls?.daysLeft });
    return { address, log, channelTls: tls?.channels, stats, stop };
  }

  return runInService(tasks, async () => {
    const opening = open();
    try {
      return await unlessStopped(opening, surroundings.stopping);
    } catch (error) {
      // A start that was told to stop is on its way, and may still open what has to be closed.
      const settled = opening.then(
        (service) => service.stop(),
        () => undefined,
      );
      await Promise.race([settled, passed(clock, CLOSING_MS)]);
      await closeResources();
      throw error;
    }
  });
}

/** What all resources have to close, in milliseconds. */
const CLOSING_MS = 5000;

function unlessStopped<T>(opening: Promise<T>, stopping: AbortSignal | undefined): Promise<T> {
  if (stopping === undefined) {
    return opening;
  }
  const stopped = new Promise<never>((_resolve, reject) => {
    const stop = () => reject(new StartError("it was told to stop while it was starting"));
    stopping.addEventListener("abort", stop, { once: true });
    if (stopping.aborted) {
      stop();
    }
  });
  return Promise.race([opening, stopped]);
}

async function listen(port: Port, { HOST, PORT }: BaseConfig): Promise<AddressInfo> {
  try {
    return await port.listen(HOST, PORT);
  } catch (cause) {
    port.destroy();
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const reason =
      LISTEN_FAILURES[code] ?? `cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new StartError(`port ${PORT} of ${HOST} ${reason}`, { cause });
  }
}

const LISTEN_FAILURES: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use by another process; set PORT to a free one, or stop that process",
  EACCES: "needs rights that this process does not have; set PORT to one above 1023",
  EADDRNOTAVAIL: "is no address of this machine; set HOST to one, or to :: for all",
  ENOTFOUND: "is no known host; set HOST to an address of this machine, or to :: for all",
};

/** A service that could not start for a reason outside its code; the message says it all. */
export class StartError extends Error {
  override readonly name = "StartError";
}

function addressText({ address, port }: AddressInfo): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Nothing in cleartext; else whether clients are asked for certificates. */
function tlsText(config: BaseConfig): string {
  return config.TLS_CERT_FILE === undefined ? "" : `, tls=on, client_certificates=${clientAuthOf(config) ?? "none"}`;
}

/** A browser's fetch sends a request as a whole: no stream of messages. */
function noteBrowserLimits(log: ServiceLogger, implementations: readonly Implementation[]): void {
  const uncallable = implementations
    .filter(({ service }) => !service.typeName.startsWith("grpc."))
    .flatMap(({ service }) => service.methods)
    .filter(({ methodKind }) => methodKind === "client_streaming" || methodKind === "bidi_streaming")
    .map(fullName);
  if (uncallable.length > 0) {
    log.info(`browsers cannot call ${uncallable.join(", ")}: they do not stream requests`);
  }
}
