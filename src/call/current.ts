import { AsyncLocalStorage } from "node:async_hooks";
import type { DescMethod } from "@bufbuild/protobuf";
import type { ActiveCall, Call } from "./call.ts";
import type { Tasks } from "./tasks.ts";

/** What running code belongs to: a service, and inside a call that call. */
interface Scope {
  readonly tasks: Tasks;
  readonly call: ActiveCall | undefined;
}

const scopes = new AsyncLocalStorage<Scope>();

/**
 * The call that the running code is part of. It holds after every `await` and `yield` of a handler.
 *
 * @throws Error outside a call; it names the ways into one.
 */
export function currentCall(): Call {
  const call = callInProgress();
  if (call === undefined) {
    throw new Error(
      "currentCall() was used outside a call. Use it in a handler or interceptor; start work that outlives its call with " +
        'detached("what it does", () => …); in a test, wrap the code in inCall(…) from "portico/testing".',
    );
  }
  return call;
}

/**
 * Refuses who calls unless the service's rules of access let them call `method`: for what does the same as a method by
 * another way, such as a route of a web application, where the rules let `"http"` in.
 *
 * @throws ConnectError `unauthenticated` or `permission_denied`
 * @throws Error outside a call
 */
export function authorize(method: DescMethod): void {
  currentCall();
  const refusal = callInProgress()?.refusalFor(method);
  if (refusal !== undefined) {
    throw refusal;
  }
}

/** The call that the running code is part of, if any. */
export function callInProgress(): ActiveCall | undefined {
  return scopes.getStore()?.call;
}

/** What the running code's service is known by: the same object in all of it, in its calls and outside of them. */
export function serviceInProgress(): object | undefined {
  return scopes.getStore()?.tasks;
}

/** Runs `work`, and all that it starts, as part of `call`. */
export function runInCall<T>(call: ActiveCall, work: () => T): T {
  return scopes.run({ tasks: call.tasks, call }, work);
}

/** Runs `work` as part of a service but of no call: while it starts and stops. */
export function runInService<T>(tasks: Tasks, work: () => T): T {
  return scopes.run({ tasks, call: undefined }, work);
}

/**
 * Runs `work` beyond the end of the call: it keeps the request id, the logger and the headers that travel on, but neither
 * deadline nor cancellation. A failure is logged under `name`. A shutdown waits for it; when the grace is over, `signal`
 * aborts.
 *
 * @throws Error where no service runs.
 */
export function detached(name: string, work: (signal: AbortSignal) => unknown): void {
  const scope = scopes.getStore();
  if (scope === undefined) {
    throw new Error(`detached("${name}") was used outside a service: nothing here would wait for it at shutdown.`);
  }
  const call = scope.call?.detach();
  scope.tasks.start(name, (signal) => {
    if (call === undefined) {
      return work(signal);
    }
    const onAbort = () => call.interrupt(signal.reason);
    if (signal.aborted) {
      onAbort();
    }
    signal.addEventListener("abort", onAbort, { once: true });
    return runInCall(call, async () => {
      try {
        return await work(call.signal);
      } finally {
        signal.removeEventListener("abort", onAbort);
        call.end();
      }
    });
  });
}
