import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServer } from "../tools/server-process.ts";
import { buildH2spec } from "./h2spec-build.ts";
import { describeCases, readReport } from "./h2spec-report.ts";
import type { Part, PartOptions, PartResult } from "./part.ts";

/** What h2spec 2.2.1 has: one that runs fewer has lost some on the way. */
const CASES = 145;
/** With what it only has for `--strict`: a GOAWAY before a connection is closed for an error (RFC 9113, 5.4.1). */
const STRICT_CASES = 146;

/** A PING, behind the handshake that every case begins with: where it fails, each would wait for its time to pass. */
const GREETING = "generic/3.7";

/** h2spec takes a second on a server that passes; each case that gets no answer takes two more. */
const runWithinMs = 180_000;
const listenWithinMs = 20_000;

/** h2spec: what RFC 9113 (in its first version, 7540) and RFC 7541 demand of a server, case by case. */
export const h2spec: Part = { id: "h2spec", name: "h2spec 2.2.1", run: runH2spec };

async function runH2spec({ root, engine, isStrict, only }: PartOptions): Promise<PartResult> {
  const built = await buildH2spec(root);
  if ("missing" in built) {
    return { outcome: "missing", report: built.missing };
  }
  await using server = await startServer({
    module: "conformance/server.ts",
    env: { HOST: "127.0.0.1", PORT: "0", HTTP2_ENGINE: engine, LOG_FORMAT: "json", LOG_LEVEL: "info" },
    listening: /action=start, status=success, address=127\.0\.0\.1:(?<port>\d+)/,
    withinMs: listenWithinMs,
  });
  const target = ["--host", "127.0.0.1", "--port", String(server.port)];
  const greeting = await judge(built.program, [...target, GREETING]);
  if (readReport(greeting.report)[0]?.outcome !== "passed") {
    const report = `The server does not get as far as a PING; h2spec said:\n${greeting.output.trim()}`;
    return { outcome: "failed", report: `${report}\n\nThe server printed:\n${server.output()}` };
  }
  const { report, output } = await judge(built.program, [...target, ...(isStrict ? ["--strict"] : []), ...only]);
  const cases = readReport(report);
  const expected = only.length > 0 ? 1 : isStrict ? STRICT_CASES : CASES;
  const problems = [
    ...(cases.length < expected ? [`h2spec ran ${cases.length} cases of ${expected}; it said:\n${output.trim()}`] : []),
    ...(server.isRunning() ? [] : ["The server has ended."]),
    ...errorLines(server.output()),
  ];
  const passed = cases.filter(({ outcome }) => outcome === "passed").length;
  const isPassed = problems.length === 0 && passed === cases.length;
  return { outcome: isPassed ? "passed" : "failed", report: [describeCases(cases), ...problems].join("\n\n") };
}

/** What the server's log has of errors: no case may make one. The beginning of its output may be cut off. */
function errorLines(log: string): readonly string[] {
  return log.split("\n").filter((line) => line.includes('"levelname":"ERROR"'));
}

/** Runs h2spec to its end, or to that of its time: the report is written last, and is empty then. */
async function judge(program: string, flags: readonly string[]): Promise<{ report: string; output: string }> {
  const folder = await mkdtemp(join(tmpdir(), "portico-h2spec-"));
  try {
    const file = join(folder, "report.xml");
    const output = await new Promise<string>((resolve) => {
      // Its exit code says what its report says; the end of its time is seen by the report that is not there.
      const options = { timeout: runWithinMs, maxBuffer: 64 * 1024 * 1024 };
      execFile(program, ["--junit-report", file, ...flags], options, (_error, stdout, stderr) =>
        resolve((stdout + stderr).slice(-3_000)),
      );
    });
    return { report: await readFile(file, "utf8").catch(() => ""), output };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
