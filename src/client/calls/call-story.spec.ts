import { expect, test } from "vitest";
import { type AttemptSight, storyOf } from "./call-story.ts";

/** Attempts of 10 ms each, one right after the other. */
const attempts = (count: number): readonly AttemptSight[] =>
  Array.from({ length: count }, (_, index) => ({
    backend: `10.0.0.${index + 1}:1`,
    startedAt: index * 10,
    waited: undefined,
    headAt: undefined,
    until: index * 10 + 10,
    failure: "refused",
  }));

const told = (count: number) =>
  storyOf("orders:1", 0, count * 10, attempts(count), "refused", []).replaceAll(/ to \S+: headers 10 ms/g, "");

test("of many attempts the first three and the last two are told", () => {
  expect(told(5)).toBe(
    "target orders:1; 50 ms in 5 attempts; attempt 1; attempt 2; attempt 3; attempt 4; attempt 5", // all
  );
  expect(told(200)).toBe(
    "target orders:1; 2000 ms in 200 attempts; attempt 1; attempt 2; attempt 3; …; attempt 199; attempt 200",
  );
});
