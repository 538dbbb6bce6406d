import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { obtainSuite } from "./connect/obtain.ts";
import { describeRun, readRun } from "./connect/report.ts";
import { runBounded } from "./connect/run-bounded.ts";
import type { Part, PartOptions, PartResult } from "./part.ts";

/** What connectconformance 1.0.6 has for the features of connect/features.yaml: a run with fewer has lost some. */
const SERVER_CASES = 5286;
const CLIENT_CASES = 6600;

/** A run takes half a minute; a call that hangs takes up to 20 seconds more, and a server that does not start 10. */
const runWithinMs = 300_000;
/** Processes of the server under test at a time, and calls to all of them: what keeps two cores busy. */
const SERVERS_AT_ONCE = 2;
const CALLS_AT_ONCE = 8;
const SHOWN_CHARS = 2_000;

/** The port and its RPC handler, judged by the suite's clients (connect-go's and grpc-go's). */
export const connectServer = part("connect-server", "Connect conformance 1.0.6, server", SERVER_CASES, "server");

/** The same, with Connect's universal handlers for every call: what the lean path answers must not differ. */
export const connectServerUniversal = part(
  "connect-server-universal",
  "Connect conformance 1.0.6, server without the lean path",
  SERVER_CASES,
  "server",
  "universal",
);

/** A channel, judged by the suite's servers (connect-go's and grpc-go's). */
export const connectClient = part("connect-client", "Connect conformance 1.0.6, client", CLIENT_CASES, "client");

function part(id: string, name: string, cases: number, mode: "server" | "client", ...args: readonly string[]): Part {
  return { id, name, run: (options) => runSuite(id, options, cases, mode, args) };
}

async function runSuite(
  id: string,
  { root, engine, only }: PartOptions,
  cases: number,
  mode: "server" | "client",
  args: readonly string[],
): Promise<PartResult> {
  const suite = await obtainSuite(root);
  if ("missing" in suite) {
    return { outcome: "missing", report: suite.missing };
  }
  const options = [
    ...["--mode", mode],
    ...["--conf", join(root, "conformance/connect/features.yaml")],
    ...["--max-servers", String(SERVERS_AT_ONCE)],
    ...(mode === "server" ? ["--parallel", String(CALLS_AT_ONCE)] : []), // a client under test decides for itself
    ...only.flatMap((pattern) => ["--run", pattern]),
  ];
  const underTest = [process.execPath, "--conditions=portico-source", `conformance/connect/${mode}.ts`, suite.schema];
  const { stdout, stderr, isLate } = await runBounded(suite.program, [...options, "--", ...underTest, ...args], {
    cwd: root,
    env: { ...process.env, HTTP2_ENGINE: engine },
    withinMs: runWithinMs,
  });
  const everything = `.cache/connect/${id}.txt`;
  await writeFile(join(root, everything), `${stdout}\n${stderr}`);
  const run = readRun(stdout);
  const expected = only.length > 0 ? Math.max(run.total, 1) : cases;
  const problems = [
    ...(isLate ? [`The run did not end within ${runWithinMs / 1_000} s.`] : []),
    ...(run.total < expected ? [`It ended with:\n${stdout.slice(-SHOWN_CHARS).trim()}`] : []),
    ...(hasError(stderr) ? ["What was under test logged an error."] : []),
  ];
  if (problems.length === 0 && run.passed === expected && run.failures.length === 0) {
    return { outcome: "passed", report: describeRun(run, expected) };
  }
  const said = stderr.trim() === "" ? [] : [`What was under test said:\n${stderr.slice(0, SHOWN_CHARS).trim()}`];
  const report = [describeRun(run, expected), ...problems, ...said, `All of it is in ${everything}`];
  return { outcome: "failed", report: report.join("\n") };
}

/** No case may make one; what the suite does to a server is what callers do. */
function hasError(log: string): boolean {
  return log.includes('"levelname":"ERROR"');
}
