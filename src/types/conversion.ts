/** Converts what an answer is, now or later: who answers at once is not made to wait. */
export function convertAnswer<From, To>(
  value: From | PromiseLike<From>,
  convert: (value: From) => To,
): To | PromiseLike<To> {
  return isPromise(value) ? value.then(convert) : convert(value);
}

/** Converts each message of a stream as it comes. A stream whose message cannot be converted is closed. */
export async function* eachOf<From, To>(stream: AsyncIterable<From>, convert: (value: From) => To): AsyncGenerator<To> {
  for await (const value of stream) {
    yield convert(value);
  }
}

function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
