import { defineConfig } from "vitest/config";
import { skippedReporter } from "./tools/skipped-reporter.ts";

const conditions = ["portico-source"];
const report = process.env["TEST_REPORT"];

export default defineConfig({
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["src/**/*.spec.ts", "bench/**/*.spec.ts", "test/**/*.spec.ts", "tools/**/*.spec.ts"],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // Whole-system tests start real processes; two cores serve two files at a time.
    maxWorkers: 2,
    // .ci/run asks for the counts, in the file that TEST_REPORT names.
    reporters: ["default", skippedReporter(), ...(report === undefined ? [] : ["json"])],
    ...(report !== undefined && { outputFile: { json: report } }),
  },
});
