import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type LoadCounts, load } from "../soak/load.ts";
import { type Sample, sample, slope } from "../soak/sample.ts";
import type { PortStats } from "../src/server/port.ts";

// Mixed load with random aborts for a while: what the processes hold afterwards has to be what they held before.

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    workers: { type: "string", default: "4" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const SLOPE_MIB_PER_MINUTE = 1;
/** Samples of the beginning, in which caches fill and code is compiled, do not count. */
const WARM_UP_SHARE = 0.2;
/** How often the processes are looked at until they are quiet, and how often without a change: more than linger's second. */
const [TRY_MS, MAX_TRIES, QUIET_TRIES] = [200, 100, 10];

type ServerSample = Sample & PortStats;

const server = fork(new URL("../soak/server.ts", import.meta.url), {
  execArgv: ["--expose-gc", "--conditions=portico-source"],
  stdio: ["ignore", "inherit", "inherit", "ipc"],
});
const ask = async (): Promise<ServerSample> => {
  server.send("sample");
  const [answer] = await once(server, "message");
  return answer as ServerSample; // what soak/server.ts sends
};
const [{ port }] = (await once(server, "message")) as [{ readonly port: number }]; // its first word
const url = `http://127.0.0.1:${port}`;
console.log(`soaking for ${minutes} min with seed ${seed}; the server is process ${server.pid}`);

await loadAll(1, 2000); // so that what is made once is there
const settledBefore = await settled();
const [serverBefore, clientBefore] = [await ask(), await sample()];
const began = performance.now();
const running = loadAll(Number(values.workers), minutes * 60_000);
const points: (readonly [minute: number, server: ServerSample, client: Sample])[] = [];
const everyMs = Math.min(15_000, (minutes * 60_000) / 20);
while (performance.now() - began + everyMs < minutes * 60_000) {
  await sleep(everyMs);
  const point = [(performance.now() - began) / 60_000, await ask(), await sample()] as const;
  points.push(point);
  const [minute, { heapMib, requests, connections }, client] = point;
  console.log(
    `${minute.toFixed(1)} min: server ${heapMib.toFixed(1)} MiB, ${requests} requests, ${connections} connections; ` +
      `channels ${client.heapMib.toFixed(1)} MiB`,
  );
}
const counts = await running;
const settledAfter = await settled();
const [serverAfter, clientAfter] = [await ask(), await sample()];
server.send("stop");
const [code] = (await once(server, "exit")) as [number | null];

const measured = points.filter(([minute]) => minute > minutes * WARM_UP_SHARE);
const serverSlope = slope(measured.map(([minute, { heapMib }]) => [minute, heapMib]));
const clientSlope = slope(measured.map(([minute, , { heapMib }]) => [minute, heapMib]));
const checks: readonly (readonly [what: string, holds: boolean, found: string])[] = [
  [
    "calls did not fail",
    counts.failed.length === 0,
    `${counts.done} done, ${counts.aborted} aborted, ${counts.failed.join("; ") || "none failed"}`,
  ],
  ["the server's heap stays", serverSlope < SLOPE_MIB_PER_MINUTE, `${serverSlope.toFixed(2)} MiB/min`],
  ["the channels' heap stays", clientSlope < SLOPE_MIB_PER_MINUTE, `${clientSlope.toFixed(2)} MiB/min`],
  ["it settles after the warm-up", settledBefore.holds, settledBefore.found],
  ["it settles after the load", settledAfter.holds, settledAfter.found],
  [
    "no request is left",
    serverAfter.requests === 0 && serverAfter.waitingBytes === 0,
    `${serverAfter.requests}, ${serverAfter.waitingBytes} bytes`,
  ],
  [
    "the server's timers are back",
    serverAfter.timers <= serverBefore.timers,
    `${serverBefore.timers} -> ${serverAfter.timers}`,
  ],
  [
    "the server's sockets are back",
    serverAfter.sockets <= serverBefore.sockets,
    `${serverBefore.sockets} -> ${serverAfter.sockets}`,
  ],
  [
    "the channels' timers are back",
    clientAfter.timers <= clientBefore.timers,
    `${clientBefore.timers} -> ${clientAfter.timers}`,
  ],
  [
    "the channels' sockets are back",
    clientAfter.sockets <= clientBefore.sockets,
    `${clientBefore.sockets} -> ${clientAfter.sockets}`,
  ],
  ["the server stops", code === 0, `exit ${code}`],
];
for (const [what, holds, found] of checks) {
  console.log(`${holds ? "ok    " : "FAILED"} ${what}: ${found}`);
}
process.exitCode = checks.every(([, holds]) => holds) ? 0 : 1;

/** Our own client calls from here, others from a process of their own. */
async function loadAll(workers: number, durationMs: number): Promise<LoadCounts> {
  const parameters = [url, seed, workers, durationMs].map(String);
  const strangers = fork(new URL("../soak/strangers.ts", import.meta.url), parameters, {
    execArgv: ["--conditions=portico-source"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [ours, [theirs]] = await Promise.all([
    load(url, seed, workers, AbortSignal.timeout(durationMs), "ours"),
    once(strangers, "message") as Promise<[LoadCounts]>, // what soak/strangers.ts sends
  ]);
  return {
    done: ours.done + theirs.done,
    aborted: ours.aborted + theirs.aborted,
    failed: [...ours.failed, ...theirs.failed],
  };
}

/** Waits until the server has neither request nor connection, and neither process makes or ends a timer or a socket. */
async function settled(): Promise<{ readonly holds: boolean; readonly found: string }> {
  let found = "";
  let unchanged = 0;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const [{ requests, connections, timers, sockets }, client] = [await ask(), await sample()];
    const seen =
      `${requests} requests, ${connections} connections, ${timers} timers and ${sockets} sockets of the server, ` +
      `${client.timers} and ${client.sockets} of the clients`;
    unchanged = seen === found && requests === 0 && connections === 0 ? unchanged + 1 : 0;
    found = seen;
    if (unchanged === QUIET_TRIES) {
      return { holds: true, found };
    }
    await sleep(TRY_MS);
  }
  return { holds: false, found };
}
