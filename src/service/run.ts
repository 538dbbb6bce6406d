import { createLogOutput } from "../observe/log-output.ts";
import { ConfigurationError } from "./configuration.ts";
import type { ConfigShape, ServiceDefinition } from "./definition.ts";
import { type RunningService, StartError, startService } from "./start.ts";
import { keepCallsYoung } from "./young-calls.ts";

/** Signals closer together than this are one: a terminal's Ctrl-C reaches a process twice, by itself and by npm. */
const SAME_SIGNAL_MS = 1000;
const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Runs a service as this process: reads its environment, starts it, and from then on owns signals and exit. SIGTERM and
 * SIGINT drain and exit with 0, also while it starts; a second one, a second or more later, exits at once. What keeps it
 * from starting is said on standard error, exit 1. Resolves once the service listens.
 */
export async function run<C extends ConfigShape, R>(definition: ServiceDefinition<C, R>): Promise<void> {
  keepCallsYoung();
  setInterval(() => undefined, 2 ** 30); // the timers of a drain alone do not keep the process
  const stopping = stopSignal();
  const terminal = process.stdout.isTTY === true;
  const output = createLogOutput(1, !terminal);
  process.once("exit", output.end); // whatever ends the process, no line is lost
  try {
    const service = await startService(definition, {
      env: process.env,
      destination: output,
      terminal,
      stopping,
    });
    surviveUnhandled(service);
    onAbort(stopping, () => void service.stop().then(() => process.exit(0)));
  } catch (error) {
    if (stopping.aborted) {
      process.exit(0);
    }
    process.stderr.write(`${startFailure(definition.name, error)}\n`);
    process.exit(1);
  }
}

function onAbort(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) {
    act();
  } else {
    signal.addEventListener("abort", act, { once: true });
  }
}

function startFailure(name: string, error: unknown): string {
  if (error instanceof ConfigurationError) {
    return error.message;
  }
  if (error instanceof StartError) {
    return `${name} cannot start: ${error.message}`;
  }
  return `${name} cannot start: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}

/** Aborts at the first signal; listens from the first moment, so that none is lost while starting. */
function stopSignal(): AbortSignal {
  const controller = new AbortController();
  let firstAt: number | undefined;
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      const now = performance.now();
      firstAt ??= now;
      if (now - firstAt >= SAME_SIGNAL_MS) {
        process.exit(1);
      }
      controller.abort();
    });
  }
  return controller.signal;
}

/** One call's mistake does not end the process that serves the others; after an uncaught exception it drains and ends. */
function surviveUnhandled(service: RunningService): void {
  process.on("unhandledRejection", (reason) => {
    service.log.error({ err: reason }, "a promise was rejected and nobody handled it");
  });
  process.on("uncaughtException", (error) => {
    service.log.error({ err: error }, "an exception was not caught; the process stops");
    void service.stop().finally(() => process.exit(1));
  });
}
