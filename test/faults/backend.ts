import type { PortLimits } from "portico";
import { startService } from "../../src/service/start.ts";
import { backendService, EVEN_TEMPER, type Temper } from "./backend-service.ts";
import type { CallKind } from "./load-plan.ts";
import { nowMs } from "./monotonic.ts";

/** One time that a call reached a handler. */
export interface ServedCall {
  readonly kind: CallKind;
  readonly id: number;
  /** Of `nowMs`. */
  readonly atMs: number;
}

/** A replica, whose calls are counted. Disposing ends it, whatever is under way. */
export interface Backend extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  readonly served: readonly ServedCall[];
  readonly temper: Temper;
  /** Calls under way. */
  active(): number;
  /** Stops as a signal would: drains, and says GOAWAY. */
  stop(): Promise<void>;
}

export interface BackendOptions {
  readonly address?: string;
  /** Default: a free one. */
  readonly port?: number;
  readonly limits?: Partial<PortLimits>;
  /** Told of every call as it begins to run. */
  readonly onRun?: (call: ServedCall) => void;
}

/** Starts a replica in this process. */
export async function startBackend(options: BackendOptions = {}): Promise<Backend> {
  const { address = "127.0.0.1", port = 0, limits, onRun } = options;
  const served: ServedCall[] = [];
  const temper = { ...EVEN_TEMPER };
  const run = (kind: CallKind, id: number) => {
    const call = { kind, id, atMs: nowMs() };
    served.push(call);
    onRun?.(call);
  };
  const definition = backendService(temper, run, limits);
  const service = await startService(definition, {
    env: { NODE_ENV: "production", HOST: address, PORT: String(port), SHUTDOWN_GRACE_MS: "500", LOG_LEVEL: "error" },
    destination: { write: () => undefined },
    terminal: false,
  });
  return {
    address,
    port: service.address.port,
    served,
    temper,
    active: () => service.stats().requests,
    stop: service.stop,
    [Symbol.asyncDispose]: service.stop,
  };
}

/** Starts replicas at as many addresses of this machine, all on one port. */
export async function startReplicas(count: number, options: Pick<BackendOptions, "limits"> = {}) {
  for (let tries = 1; ; tries++) {
    const replicas: Backend[] = [await startBackend(options)];
    try {
      for (let made = 1; made < count; made++) {
        const { port } = replicas[0] as Backend; // it was just started
        replicas.push(await startBackend({ ...options, address: `127.0.0.${made + 1}`, port }));
      }
      return replicas;
    } catch (error) {
      for (const replica of replicas) await replica[Symbol.asyncDispose]();
      // What is free at one address may be taken at another.
      if (tries === 5) throw error;
    }
  }
}
