import type { StreamResponse, UnaryResponse } from "@connectrpc/connect";

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
        next: () => step(() => iterator.next()),
        return: async (value?: unknown) => (await iterator.return?.(value)) ?? { done: true, value: undefined },
      };
    },
  };
}
