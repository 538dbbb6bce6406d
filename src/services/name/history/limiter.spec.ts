import { expect, test } from "vitest";
import { createLimiter } from "./limiter.ts";

const { signal } = new AbortController();
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A limiter of two at once and two that wait, and work that ends when it is told to. */
function limited() {
  const limiter = createLimiter({ maxRunning: 2, maxWaiting: 2, refusal: () => new Error("too many") });
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  return {
    begun,
    run(name: string, within = signal) {
      const end = Promise.withResolvers<string>();
      ends.set(name, end);
      const work = () => {
        begun.push(name);
        return end.promise;
      };
      return limiter.run(work, within);
    },
    async end(name: string) {
      ends.get(name)?.resolve(name);
      await turn();
    },
    async fail(name: string) {
      ends.get(name)?.reject(new Error(name));
      await turn();
    },
  };
}

test("so much is under way at once, so much waits, first come, first served, and more is refused", async () => {
  const { run, end, begun } = limited();
  const running = ["a", "b", "c", "d"].map((name) => run(name));
  await turn();
  expect(begun).toEqual(["a", "b"]);
  await expect(run("e")).rejects.toThrow("too many");
  await end("b");
  expect(begun).toEqual(["a", "b", "c"]);
  for (const name of ["a", "c", "d"]) await end(name);
  expect(begun).toEqual(["a", "b", "c", "d"]);
  expect(await Promise.all(running)).toEqual(["a", "b", "c", "d"]);
});

test("work that fails gives its turn to the next", async () => {
  const { run, fail, begun } = limited();
  const failing = ["a", "b"].map((name) => expect(run(name)).rejects.toThrow(name));
  void run("c");
  await fail("a");
  expect(begun).toEqual(["a", "b", "c"]);
  await fail("b");
  await Promise.all(failing);
});

test("who goes away leaves the line at once, with its own reason", async () => {
  const { run, end, begun } = limited();
  const leaving = new AbortController();
  void run("a");
  void run("b");
  const left = run("c", leaving.signal);
  const stays = run("d");
  const reason = new Error("the caller went away");
  leaving.abort(reason);
  await expect(left).rejects.toBe(reason);
  void run("e"); // there is room in the line again
  await end("a");
  expect(begun).toEqual(["a", "b", "d"]);
  await end("d");
  expect(await stays).toBe("d");
  expect(begun).toEqual(["a", "b", "d", "e"]);
});

test("work that nobody waits for any longer counts until it ends", async () => {
  const { run, end, begun } = limited();
  const leaving = new AbortController();
  const left = run("a", leaving.signal);
  void run("b");
  void run("c");
  await turn();
  const reason = new Error("the caller went away");
  leaving.abort(reason);
  await expect(left).rejects.toBe(reason);
  expect(begun).toEqual(["a", "b"]);
  await end("a");
  expect(begun).toEqual(["a", "b", "c"]);
});

test.each([0, 1, 2, 3, 4, 5, 6])("no turn is lost on who goes away as it comes, %d steps after", async (steps) => {
  const { run, end, begun } = limited();
  const leaving = new AbortController();
  void run("a");
  void run("b");
  await turn();
  const left = run("c", leaving.signal).catch(() => undefined);
  void run("d");
  const ended = end("a");
  for (let step = 0; step < steps; step++) await Promise.resolve();
  leaving.abort();
  await ended;
  await left;
  await end("c");
  expect(begun.at(-1)).toBe("d");
});

test("a call that has ended begins nothing", async () => {
  const { run, begun } = limited();
  const reason = new Error("the caller went away");
  await expect(run("a", AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(begun).toEqual([]);
});
