import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import type { Logger } from "./logger.ts";
import { createTasks } from "./tasks.ts";

function setUp() {
  const errors: { readonly fields: object; readonly message: string | undefined }[] = [];
  const log = {
    error: (fields: object, message?: string) => void errors.push({ fields, message }),
  } as unknown as Logger; // tasks log failures only, and in this form
  return { tasks: createTasks(log), errors };
}

test("work begins at once", () => {
  const { tasks } = setUp();
  let begun = false;
  tasks.start("a", () => {
    begun = true;
  });
  expect(begun).toBe(true);
  expect(tasks.active).toBe(1);
});

test.each([
  ["throws", () => Promise.resolve().then(() => Promise.reject(new Error("no")))],
  [
    "throws at once",
    () => {
      throw new Error("no");
    },
  ],
])("a failure is logged under its name, and is nobody else's: one that %s", async (_name, work) => {
  const { tasks, errors } = setUp();
  tasks.start("send receipt", work);
  await tasks.settled();
  expect(errors).toEqual([{ fields: { err: new Error("no") }, message: "detached work failed: send receipt" }]);
  expect(tasks.active).toBe(0);
});

test("settled waits for all, and for what is begun meanwhile", async () => {
  const { tasks } = setUp();
  const done: string[] = [];
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  tasks.start("first", async () => {
    await first.promise;
    done.push("first");
    tasks.start("second", async () => {
      await second.promise;
      done.push("second");
    });
  });
  const settled = tasks.settled().then(() => done.push("settled"));
  first.resolve();
  await new Promise(setImmediate);
  expect(done).toEqual(["first"]);
  second.resolve();
  await settled;
  expect(done).toEqual(["first", "second", "settled"]);
});

test("settled resolves at once where nothing is under way", async () => {
  await expect(setUp().tasks.settled()).resolves.toBeUndefined();
});

test("cancelling aborts every task's signal with the reason, also of one that begins later", async () => {
  const { tasks } = setUp();
  const reason = new ConnectError("the service is shutting down", Code.Unavailable);
  const seen: unknown[] = [];
  tasks.start(
    "waits",
    (signal) =>
      new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => {
          seen.push(signal.reason);
          resolve();
        });
      }),
  );
  tasks.cancel(reason);
  tasks.start("late", (signal) => seen.push(signal.reason));
  await tasks.settled();
  expect(seen).toEqual([reason, reason]);
});
