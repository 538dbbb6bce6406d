import type { Reporter, TestCase, TestModule } from "vitest/node";

/**
 * Names what `npm test` left out, at its end: Vitest itself only counts it, and a test that nobody misses is none. The
 * reason is the note of `context.skip(note)`, or part of the title.
 */
export function skippedReporter(): Reporter {
  return {
    onTestRunEnd(modules) {
      const lines = modules.flatMap(skippedTests);
      if (lines.length > 0) console.log(["", `Skipped (${lines.length}):`, ...lines, ""].join("\n"));
    },
  };
}

function skippedTests(module: TestModule): readonly string[] {
  const skipped = [...module.children.allTests("skipped")].filter((test) => !isBelowFailure(test));
  return skipped.map((test) => {
    const result = test.result();
    const note = result.state === "skipped" && result.note ? ` (${result.note})` : "";
    return `  ${module.relativeModuleId} > ${test.fullName}${note}`;
  });
}

/** Tests whose `beforeAll` failed count as skipped too, but Vitest has reported that failure itself. */
function isBelowFailure({ parent }: TestCase): boolean {
  for (let above = parent; ; above = above.parent) {
    if (above.errors().length > 0) return true;
    if (above.type === "module") return false;
  }
}
