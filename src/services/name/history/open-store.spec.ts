import { expect, test } from "vitest";
import { unusedSetting } from "./open-store.ts";

test.each([
  [{ DATA_DIR: "/data", MONGODB_URL: "mongodb://host" }, "DATA_DIR is not used, as MONGODB_URL is set"],
  [{ DATA_DIR: "/data", HISTORY_MAX_ENTRIES: 0 }, "DATA_DIR is not used, as HISTORY_MAX_ENTRIES is 0"],
  [{ DATA_DIR: "/data" }, undefined],
  [{ MONGODB_URL: "mongodb://host" }, undefined],
  [{}, undefined],
])("of %o it says that %s", (variables, expected) => {
  expect(unusedSetting({ HISTORY_MAX_ENTRIES: 100_000, ...variables })).toBe(expected);
});
