import fc from "fast-check";
import { expect, test } from "vitest";
import { ReaderSteps } from "./reader-steps.ts";

test("steps are taken one at a time, in the order in which they were asked for, whenever each of them is over", async () => {
  const act = fc.oneof(fc.constant("ask-plain" as const), fc.constant("ask" as const), fc.constant("finish" as const));
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { maxLength: 30 }),
      fc.array(fc.boolean(), { maxLength: 30 }),
      async (acts, turns) => {
        const steps = new ReaderSteps<number>();
        const begun: number[] = [];
        const underWay: (() => void)[] = [];
        let most = 0;
        let asked = 0;
        const results: Promise<number>[] = [];
        for (const [at, what] of acts.entries()) {
          if (what === "finish") {
            underWay.shift()?.();
          } else {
            const id = asked++;
            results.push(
              steps.after(() => {
                begun.push(id);
                if (what === "ask-plain") return id;
                return new Promise((resolve) => {
                  most = Math.max(
                    most,
                    underWay.push(() => resolve(id)),
                  );
                });
              }),
            );
          }
          if (turns[at] === true) await new Promise(setImmediate);
        }
        for (let left = asked; left >= 0; left--) {
          await new Promise(setImmediate);
          underWay.shift()?.();
        }
        expect(await Promise.all(results)).toEqual(Array.from({ length: asked }, (_none, id) => id));
        expect(begun).toEqual(Array.from({ length: asked }, (_none, id) => id));
        expect(most).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test("what a step throws, at once or later, is its own, and the next is taken", async () => {
  const steps = new ReaderSteps<number>();
  const thrown = steps.after(() => {
    throw new Error("at once");
  });
  const rejected = steps.after(() => Promise.reject(new Error("later")));
  const next = steps.after(() => 3);
  await expect(thrown).rejects.toThrow("at once");
  await expect(rejected).rejects.toThrow("later");
  expect(await next).toBe(3);
});
