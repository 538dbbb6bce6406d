import { expect, test } from "vitest";
import { createResourceStack } from "./resources.ts";

function resource(name: string, closed: string[], failure?: Error): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      await Promise.resolve();
      closed.push(name);
      if (failure !== undefined) {
        throw failure;
      }
    },
  };
}

test("resources close in reverse order, one after the other, whether they close at once or later", async () => {
  const closed: string[] = [];
  const stack = createResourceStack();
  const first = resource("first", closed);
  expect(stack.use(first)).toBe(first);
  stack.use({ [Symbol.dispose]: () => void closed.push("second") });
  stack.use(resource("third", closed));
  await stack.close();
  expect(closed).toEqual(["third", "second", "first"]);
});

test("each is closed once, also when the stack is closed twice", async () => {
  const closed: string[] = [];
  const stack = createResourceStack();
  stack.use(resource("a", closed));
  await Promise.all([stack.close(), stack.close()]);
  await stack.close();
  expect(closed).toEqual(["a"]);
});

test("the later way to close is taken where there are both", async () => {
  const closed: string[] = [];
  const stack = createResourceStack();
  stack.use({ ...resource("later", closed), [Symbol.dispose]: () => void closed.push("at once") });
  await stack.close();
  expect(closed).toEqual(["later"]);
});

test("a failure keeps no other from closing, and is thrown at the end", async () => {
  const closed: string[] = [];
  const stack = createResourceStack();
  const failure = new Error("b failed");
  stack.use(resource("a", closed));
  stack.use(resource("b", closed, failure));
  stack.use(resource("c", closed));
  await expect(stack.close()).rejects.toBe(failure);
  expect(closed).toEqual(["c", "b", "a"]);
});

test("several failures are thrown together, in the order in which they came", async () => {
  const stack = createResourceStack();
  const failures = [new Error("a failed"), new Error("b failed")] as const;
  stack.use(resource("a", [], failures[0]));
  stack.use({
    [Symbol.dispose]() {
      throw failures[1];
    },
  });
  const thrown: unknown = await stack.close().catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(AggregateError);
  expect(thrown).toHaveProperty("errors", [failures[1], failures[0]]);
});
