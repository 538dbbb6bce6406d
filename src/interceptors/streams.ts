import type { StreamResponse, UnaryResponse } from "@connectrpc/connect";
import { callInProgress } from "../call/current.ts";

/** Takes one step of a call: the answer of a unary one, the head or the next message of a stream. */
export type Step = <T>(take: () => Promise<T>) => Promise<T>;

/** Takes every step of a call through `step`: an interceptor's way to see unary calls and streams alike. */
export async function eachStep<R extends UnaryResponse | StreamResponse>(
  step: Step,
  take: () => Promise<R>,
): Promise<R> {
  const response = await step(take);
  return response.stream ? { ...response, message: eachMessage(step, response.message) } : response;
}

function eachMessage<T>(step: Step, messages: AsyncIterable<T>): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = messages[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            return await step(() => iterator.next());
          } catch (error) {
            abandon(iterator);
            throw error;
          }
        },
        return: async (value?: unknown) => (await iterator.return?.(value)) ?? { done: true, value: undefined },
      };
    },
  };
}

/**
 * Closes what is left of a stream whose step was cut short: whoever reads takes the error for the stream's own end, and a
 * generator that stands at a `yield` would never run its `finally`. One that is busy closes when it gets there.
 */
function abandon(iterator: AsyncIterator<unknown>): void {
  iterator.return?.().catch((error: unknown) => {
    callInProgress()?.log.error({ err: error }, "a stream that was cut short failed to close");
  });
}
