import { defineConfig } from "vitest/config";

const conditions = ["portico-source"];

export default defineConfig({
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["src/**/*.spec.ts", "test/**/*.spec.ts", "tools/**/*.spec.ts"],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // Whole-system tests start real processes; two cores serve two files at a time.
    maxWorkers: 2,
  },
});
