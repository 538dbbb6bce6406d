import { describe, expect, test } from "vitest";
import { convertAnswer, eachOf } from "./conversion.ts";

const double = (value: number) => {
  if (value < 0) {
    throw new Error("must not be negative");
  }
  return value * 2;
};

async function collect<T>(stream: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const each of stream) {
    all.push(each);
  }
  return all;
}

/** A stream that never has anything more to give after `values`, until it is closed. */
function quietAfter(...values: readonly number[]) {
  const closed = Promise.withResolvers<IteratorResult<number>>();
  const events: string[] = [];
  const iterator: AsyncIterator<number> = {
    next() {
      const value = values[events.length];
      events.push("next");
      return value === undefined ? closed.promise : Promise.resolve({ done: false, value });
    },
    return() {
      events.push("return");
      closed.resolve({ done: true, value: undefined });
      return closed.promise;
    },
  };
  return { events, stream: { [Symbol.asyncIterator]: () => iterator } };
}

describe("eachOf", () => {
  test("gives each message converted, and ends with the stream", async () => {
    async function* numbers() {
      yield* [1, 2, 3];
    }
    expect(await collect(eachOf(numbers(), double))).toEqual([2, 4, 6]);
  });

  test("closes a source at once that has nothing to give", async () => {
    const { events, stream } = quietAfter(1);
    const converted = eachOf(stream, double)[Symbol.asyncIterator]();
    expect(await converted.next()).toEqual({ done: false, value: 2 });
    const waiting = converted.next();
    await converted.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(events).toEqual(["next", "next", "return"]);
  });

  test("closes a source whose message cannot be converted, and says why", async () => {
    const { events, stream } = quietAfter(-1);
    await expect(collect(eachOf(stream, double))).rejects.toThrow("must not be negative");
    expect(events).toEqual(["next", "return"]);
  });

  test("fails as its source does", async () => {
    async function* failing() {
      yield 1;
      throw new Error("it is over");
    }
    await expect(collect(eachOf(failing(), double))).rejects.toThrow("it is over");
  });
});

describe("convertAnswer", () => {
  test("converts at once what is there at once, and later what is there later", async () => {
    expect(convertAnswer(1, double)).toBe(2);
    expect(await convertAnswer(Promise.resolve(1), double)).toBe(2);
  });
});
