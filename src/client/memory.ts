import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createMethodUrl } from "@connectrpc/connect/protocol";
import { MAX_TIMER_MS } from "../call/clock.ts";
import { callInProgress } from "../call/current.ts";
import type { CallCounts } from "./calls/call-life.ts";
import { brokenOff, isCancellation, onwardError } from "./calls/onward-error.ts";

// Targets that are answered inside the process: the testing kit puts its fakes here, and every channel to such a target
// finds them. A target is known by its origin, so that a fake's URL passes any check that a real one passes.

/** Makes a Transport to a target inside the process, by the Connect protocol. */
export type MemoryConnector = (baseUrl: string, interceptors: readonly Interceptor[]) => Transport;

const targets = new Map<string, MemoryConnector>();

/** Answers every channel to `origin` by `connect`, until the result is disposed. */
export function registerMemoryTarget(origin: string, connect: MemoryConnector): Disposable {
  targets.set(origin, connect);
  return { [Symbol.dispose]: () => void targets.delete(origin) };
}

export function memoryTarget(origin: string): MemoryConnector | undefined {
  return targets.get(origin);
}

/**
 * A transport to a target inside the process, whose calls are counted, and fail as calls over a connection do. Their time
 * is bounded by its interceptors.
 */
export function counted(baseUrl: string, counts: CallCounts, transport: Transport): Transport {
  return {
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const outcome = new MemoryOutcome(counts, createMethodUrl(baseUrl, method), signal);
      try {
        const response = await transport.unary(method, signal, timerMs(timeoutMs), header, input, contextValues);
        outcome.succeed();
        return response;
      } catch (thrown) {
        throw outcome.fail(thrown);
      }
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      const outcome = new MemoryOutcome(counts, createMethodUrl(baseUrl, method), signal);
      try {
        const response = await transport.stream(method, signal, timerMs(timeoutMs), header, input, contextValues);
        callInProgress()?.signal.addEventListener("abort", () => outcome.succeed(), { once: true });
        return { ...response, message: told(response.message, outcome) };
      } catch (thrown) {
        throw outcome.fail(thrown);
      }
    },
  };
}

/** A time-out that Node's timers hold: Connect's own would end a longer one at once. */
function timerMs(timeoutMs: number | undefined): number | undefined {
  return timeoutMs === undefined ? undefined : Math.min(timeoutMs, MAX_TIMER_MS);
}

/** Counts a call, once. */
class MemoryOutcome {
  readonly #counts: CallCounts;
  readonly #url: string;
  readonly #signal: AbortSignal | undefined;
  #isSettled = false;

  constructor(counts: CallCounts, url: string, signal: AbortSignal | undefined) {
    this.#counts = counts;
    this.#url = url;
    this.#signal = signal;
    counts.started++;
  }

  succeed(): void {
    if (!this.#isSettled) {
      this.#isSettled = true;
      this.#counts.succeeded++;
    }
  }

  fail(thrown: unknown): ConnectError {
    if (!this.#isSettled) {
      this.#isSettled = true;
      this.#counts.failed++;
    }
    const error = ConnectError.from(thrown, Code.Internal);
    const isCancelledHere = this.#signal?.aborted === true || callInProgress()?.signal.aborted === true;
    const isBrokenOff = isCancellation(error) && !isCancelledHere;
    return onwardError(isBrokenOff ? brokenOff(error, this.#url) : error, this.#url, true, undefined, thrown);
  }
}

/** The messages of a stream, whose end and failure are told. */
async function* told<T>(messages: AsyncIterable<T>, outcome: MemoryOutcome): AsyncIterable<T> {
  try {
    yield* messages;
    outcome.succeed();
  } catch (thrown) {
    throw outcome.fail(thrown);
  }
}
