import { Code, ConnectError } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/health/v1/health_pb.js";
import { type Implementation, implement } from "../wire/implement.ts";
import type { Readiness } from "./readiness.ts";

/** health.proto lets List refuse "if too many services exist"; grpc-go and grpc-java draw the line here. */
const maxListedServices = 100;

/**
 * gRPC's own health service. It answers for `""` (the whole server) and for each of `serviceNames` (full names such as
 * `greeter.v1.GreeterService`): SERVING while `readiness` is ready, or serves that service; NOT_SERVING otherwise.
 *
 * A Watch stream ends with OK after its last status once `readiness` is closing, so that a watcher never holds a
 * shutdown up; the protocol has clients retry with back-off "if the call terminates with any other status (including
 * OK)". One whose caller leaves ends without an error.
 *
 * Protocol: https://github.com/grpc/grpc/blob/master/doc/health-checking.md and the comments in health.proto.
 */
export function healthService(readiness: Readiness, serviceNames: readonly string[]): Implementation {
  const names = new Set(["", ...serviceNames]);

  function statusOf(name: string): ServingStatus {
    if (!names.has(name)) return ServingStatus.SERVICE_UNKNOWN;
    const isServing = name === "" ? readiness.isReady : readiness.serves(name);
    return isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }

  return implement(Health, {
    check({ service }) {
      const status = statusOf(service);
      if (status === ServingStatus.SERVICE_UNKNOWN) {
        // The name stays out of the message, which travels in a header: a caller may have sent megabytes of it.
        throw new ConnectError(
          "no service of that name is served here; Health.List names those that are",
          Code.NotFound,
        );
      }
      return { status };
    },

    watch({ service }, { signal }) {
      return watch(readiness, () => statusOf(service), signal);
    },

    list() {
      if (names.size > maxListedServices) {
        throw new ConnectError(
          `${names.size} services are served here, and List names at most ${maxListedServices}; use Check`,
          Code.ResourceExhausted,
        );
      }
      return { statuses: Object.fromEntries([...names].map((name) => [name, { status: statusOf(name) }])) };
    },
  });
}

/**
 * The status now and after each change, until `readiness` is closing or `signal` aborts. A reader that is slower than
 * the changes gets the latest only: nothing queues up for it.
 */
async function* watch(readiness: Readiness, currentStatus: () => ServingStatus, signal: AbortSignal) {
  let wake: (() => void) | undefined;
  const unsubscribe = readiness.subscribe(() => wake?.());
  // Unsubscribes too: a stream that stands at a `yield` when its connection breaks may never be resumed.
  const leave = () => {
    unsubscribe();
    wake?.();
  };
  signal.addEventListener("abort", leave);
  try {
    let sent: ServingStatus | undefined;
    while (!signal.aborted) {
      const status = currentStatus();
      if (status !== sent) {
        sent = status;
        yield { status };
      } else if (readiness.state === "closing") {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    signal.removeEventListener("abort", leave);
    unsubscribe();
  }
}
