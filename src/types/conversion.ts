import { isPromise } from "../wire/is-promise.ts";

/** Converts what an answer is, now or later: who answers at once is not made to wait. */
export function convertAnswer<From, To>(
  value: From | PromiseLike<From>,
  convert: (value: From) => To,
): To | PromiseLike<To> {
  return isPromise(value) ? value.then(convert) : convert(value);
}

/**
 * Converts each message of a stream as it comes. Whoever closes it closes the source at once, also while that has nothing to
 * give: an async generator would wait for its next message first. A source whose message cannot be converted is closed.
 */
export function eachOf<From, To>(stream: AsyncIterable<From>, convert: (value: From) => To): AsyncIterable<To> {
  return {
    [Symbol.asyncIterator]() {
      const source = stream[Symbol.asyncIterator]();
      const close = async (value?: unknown): Promise<IteratorResult<To>> => {
        await source.return?.(value);
        return { done: true, value: undefined };
      };
      return {
        async next() {
          const result = await source.next();
          if (result.done === true) {
            return { done: true, value: undefined };
          }
          try {
            return { done: false, value: convert(result.value) };
          } catch (error) {
            await close().catch(() => undefined); // why it was closed says more
            throw error;
          }
        },
        return: close,
        async throw(error: unknown) {
          await (source.throw === undefined ? close() : source.throw(error));
          return { done: true, value: undefined };
        },
      };
    },
  };
}
