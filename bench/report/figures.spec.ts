import { expect, test } from "vitest";
import type { Contender } from "../contenders.ts";
import type { CpuFigures } from "../measure/rounds.ts";
import { ROWS } from "../rows.ts";
import { describeCpu } from "./figures.ts";

function rowOf(name: string) {
  const row = ROWS.find((candidate) => candidate.name === name);
  if (row?.kind !== "server" && row?.kind !== "conversion") throw new Error(`there is no row ${name} of CPU time`);
  return row;
}

function figuresOf(cpuUs: Partial<Record<Contender, number>>): ReadonlyMap<Contender, CpuFigures> {
  const entries = Object.entries(cpuUs) as readonly [Contender, number][]; // whose keys are as declared
  return new Map(
    entries.map(([contender, us]) => [
      contender,
      { cpuUs: us, leastUs: us - 1, mostUs: us + 1, kernelUs: us / 4, perSecond: 1_000 },
    ]),
  );
}

test("a call over TLS is held against the same contender in cleartext", () => {
  const figures = figuresOf({ "node-http2": 40, "grpc-js": 60, "grpc-js-cleartext": 50, bare: 6, "bare-cleartext": 4 });
  const { columns, lines } = describeCpu(rowOf("gRPC unary tls"), figures, []);
  const at = columns.indexOf("of cleartext");
  expect(lines.map((line) => [line[0], line[at]])).toEqual([
    ["node-http2", ""],
    ["grpc-js", "1.20"],
    ["grpc-js-cleartext", ""],
    ["bare", "1.50"],
    ["bare-cleartext", ""],
  ]);
});

test("handshakes a second are those that a core comes to, however few the load made", () => {
  const figures = figuresOf({ "node-tls": 500, bare: 800 });
  const { columns, lines } = describeCpu(rowOf("tls handshake"), figures, []);
  const at = columns.indexOf("handshakes/s of a core");
  expect(lines.map((line) => line[at])).toEqual(["2000", "1250"]);
});

test("a conversion is held against the same by hand", () => {
  const figures = figuresOf({ "by-hand": 100, "domain-types": 119 });
  const { columns, lines, verdicts } = describeCpu(rowOf("domain types page"), figures, []);
  expect(columns[1]).toBe("us/message");
  const at = columns.indexOf("of by-hand");
  expect(lines.map((line) => line[at])).toEqual(["1.00", "1.19"]);
  expect(verdicts).toEqual([{ limit: "domain-types: at most 1.20 of by-hand", isMet: true, measured: "1.19" }]);
});
