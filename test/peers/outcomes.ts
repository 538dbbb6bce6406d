import { expect } from "vitest";
import type { ServiceProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";
import type { Ran } from "./programs.ts";

/** What every client program of this folder tries. */
const TRIED = [
  "unary",
  "server stream",
  "bidi stream",
  "error",
  "unknown method",
  "deadline",
  "cancellation",
  "metadata and trailers",
  "1 MiB both ways",
  "gzip",
  expect.stringMatching(/calls, \d+ at a time$/),
];

/** Expects that a client program got whatever it tried, and that the service knows of the call that it cancelled. */
export async function expectAllWell(service: ServiceProcess, ran: Ran): Promise<void> {
  expectOutcomes(ran, TRIED);
  const cancelled = await until(() =>
    service.logs().find((line) => line.name === "peers.access" && line.request_id === "cancelled-by-peer"),
  );
  expect(cancelled).toMatchObject({ rpc_code: "canceled", aborted: true });
}

/** Expects that a program got what it tried, by what it prints: a line of JSON for each. */
export function expectOutcomes({ exit, stdout, stderr }: Ran, tried: readonly unknown[]): void {
  const lines = stdout.split("\n").filter((line) => line !== "");
  const outcomes = lines.map((line) => JSON.parse(Buffer.from(line, "latin1").toString()) as unknown);
  expect(outcomes, stderr).toEqual(tried.map((name) => ({ name, outcome: "ok" })));
  expect(exit, stderr).toBe(0);
}
