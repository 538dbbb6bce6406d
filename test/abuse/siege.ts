import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { create, toBinary } from "@bufbuild/protobuf";
import type { LogLine } from "portico/testing";
import { afterAll, beforeAll, expect } from "vitest";
import { TaskSchema } from "../behaviour/gen/behaviour/v1/behaviour_pb.js";
import { type Http2Client, http2Client } from "../support/http2-client.ts";
import { type ServiceProcess, startProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";
import { message } from "./attacker.ts";

// A service of its own process, a bystander who calls it all the time, and an account of what an attack costs it.

/** Rounds of the bystander before anything is measured: as many as it takes until the process grows no more by them. */
const WARM_UP_ROUNDS = 2000;
/** Rounds that the bystander has to get through from the beginning of an attack. */
const LEAST_ROUNDS = 20;

const KEPT_BY_FETCH = 4;

/** What an attack may cost where its test says nothing else, in MiB of resident memory. */
const HARMLESS_MIB = 32;
/**
 * How often an attack that seems to cost more is made. V8 grows its heap and compiles once, by tens of MiB, at a time of its
 * own choosing, on a busy machine long after the warm-up; what an attack costs, it costs every time.
 */
const MOST_ATTEMPTS = 3;

export interface Outcome {
  /** How far the process's resident memory grew beyond what it was before, at most. */
  readonly growthMiB: number;
  /** What it may cost. */
  readonly withinMiB: number;
  /** Warnings and errors in the log. */
  readonly complaints: readonly LogLine[];
  /** Connections that the port has counted. */
  readonly abusiveConnections: number;
}

export interface Siege {
  readonly url: string;
  readonly service: ServiceProcess;
  /**
   * Attacks while a bystander makes calls, all of which have to be answered; resolves when the attack is over and the
   * service is rid of its connections. An attack that seems to cost more than it may is made up to three times.
   */
  endure(attack: () => Promise<void>, withinMiB?: number): Promise<Outcome>;
  stats(): Promise<{ readonly connections: number; readonly requests: number; readonly waitingBytes: number }>;
}

/** A siege for the tests of a file, from before the first to behind the last: called where they are declared. */
export function siegeForTests(env?: Readonly<Record<string, string>>): Siege {
  let siege: StartedSiege;
  beforeAll(async () => {
    siege = await startSiege(env);
  });
  afterAll(() => siege[Symbol.asyncDispose]());
  return {
    get url() {
      return siege.url;
    },
    get service() {
      return siege.service;
    },
    endure: (attack, withinMiB) => siege.endure(attack, withinMiB),
    stats: () => siege.stats(),
  };
}

interface StartedSiege extends Siege, AsyncDisposable {}

export async function startSiege(env: Readonly<Record<string, string>> = {}): Promise<StartedSiege> {
  const service = startProcess("test/abuse/fixtures/besieged.ts", env);
  const url = await service.url();
  const warmUp = await bystander(url);
  await until(() => warmUp.rounds() >= WARM_UP_ROUNDS, 60_000);
  await warmUp.stop();
  const stats = async () => await (await fetch(`${url}/stats`)).json();

  return {
    url,
    service,
    stats,
    async endure(attack, withinMiB = HARMLESS_MIB) {
      for (let attempt = 1; ; attempt++) {
        const outcome = { ...(await once(attack)), withinMiB };
        if (outcome.growthMiB < withinMiB || attempt === MOST_ATTEMPTS) return outcome;
      }
    },
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };

  async function once(attack: () => Promise<void>): Promise<Omit<Outcome, "withinMiB">> {
    const witness = await bystander(url);
    await until(() => witness.rounds() > 0);
    await fetch(`${url}/collect-garbage`);
    const before = memoryKiB(service, "VmRSS");
    resetPeak(service);
    const linesBefore = complaints(service).length;
    const { abusiveConnections, connections } = await stats();
    const target = witness.rounds() + LEAST_ROUNDS;
    await attack();
    await until(() => witness.rounds() >= target || witness.lost.length > 0);
    expect(witness.lost, `calls that the bystander lost; ${service.stderr()}`).toEqual([]);
    const growthMiB = (memoryKiB(service, "VmHWM") - before) / 1024;
    // fetch may have opened a few more of its own, and keeps them
    await until(async () => (await stats()).connections <= connections + KEPT_BY_FETCH);
    const lost = await witness.stop();
    expect(lost, "calls that the bystander lost").toEqual([]);
    measure(growthMiB);
    return {
      growthMiB,
      complaints: complaints(service).slice(linesBefore),
      abusiveConnections: (await stats()).abusiveConnections - abusiveConnections,
    };
  }
}

/** What an attack may cost, and that its peer was counted and is told of in one line that names its address. */
export function expectStopped(outcome: Outcome, what: RegExp, connections = 1): void {
  expect(outcome.complaints.map(({ message }) => message)).toEqual(
    Array.from({ length: connections }, () => expect.stringMatching(what)),
  );
  for (const line of outcome.complaints) {
    expect(line).toMatchObject({ remote_address: "127.0.0.1", levelname: "WARN" });
  }
  expect(outcome.abusiveConnections).toBe(connections);
  expect(outcome.growthMiB).toBeLessThan(outcome.withinMiB);
}

/** The attack was no fault of anybody's, and cost next to nothing. */
export function expectHarmless(outcome: Outcome): void {
  expect(outcome.complaints).toEqual([]);
  expect(outcome.abusiveConnections).toBe(0);
  expect(outcome.growthMiB).toBeLessThan(outcome.withinMiB);
}

/** Adds a line to the file that ABUSE_MEASURES names, if it names one. */
function measure(growthMiB: number): void {
  const file = process.env["ABUSE_MEASURES"];
  if (file !== undefined) appendFileSync(file, `${growthMiB.toFixed(1)}\t${expect.getState().currentTestName}\n`);
}

function complaints(service: ServiceProcess): readonly LogLine[] {
  return service
    .stdout()
    .split("\n")
    .slice(0, -1)
    .filter((line) => !line.includes('"levelname":"INFO"'))
    .map((line) => JSON.parse(line) as LogLine); // the shape of every line
}

function memoryKiB({ child }: ServiceProcess, name: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${child.pid}/status`, "latin1");
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
}

/** Has VmHWM, the peak of VmRSS, begin anew (proc(5), clear_refs). */
function resetPeak({ child }: ServiceProcess): void {
  writeFileSync(`/proc/${child.pid}/clear_refs`, "5");
}

interface Bystander {
  /** How often it has made each of its calls. */
  rounds(): number;
  readonly lost: readonly string[];
  /** Resolves with what went wrong. */
  stop(): Promise<readonly string[]>;
}

/** Calls over gRPC, Connect and REST, one after the other over one connection, and REST over HTTP/1.1 beside it. */
async function bystander(url: string): Promise<Bystander> {
  const client = await http2Client(url);
  const lost: string[] = [];
  let rounds = 0;
  let isStopped = false;
  /** Makes a call; the first that is lost is the last. */
  async function attempt(what: string, call: () => Promise<boolean>): Promise<void> {
    try {
      if (!(await call())) lost.push(`${what}: another answer`);
    } catch (error) {
      lost.push(`${what}: ${String(error)}`);
    }
    isStopped ||= lost.length > 0;
  }
  const overHttp2 = (async () => {
    while (!isStopped) {
      await attempt("gRPC", () => callGrpc(client));
      await attempt("Connect", () => callConnect(client));
      await attempt("REST", () => callRest(client));
      rounds++;
    }
  })();
  const overHttp1 = (async () => {
    while (!isStopped) {
      await attempt(
        "REST over HTTP/1.1",
        async () => (await (await fetch(`${url}/bytes?n=100`)).text()).length === 100,
      );
    }
  })();
  return {
    rounds: () => rounds,
    lost,
    async stop() {
      isStopped = true;
      await Promise.all([overHttp2, overHttp1]);
      client[Symbol.dispose]();
      return lost;
    },
  };
}

const METHOD = "/behaviour.v1.BehaviourService/Act";

async function callGrpc(client: Http2Client): Promise<boolean> {
  const head = { ":method": "POST", ":path": METHOD, "content-type": "application/grpc", te: "trailers" };
  const answer = await client.request(head, message(toBinary(TaskSchema, create(TaskSchema, { text: "bystander" }))));
  return answer.trailers["grpc-status"] === "0";
}

async function callConnect(client: Http2Client): Promise<boolean> {
  const head = { ":method": "POST", ":path": METHOD, "content-type": "application/json" };
  const answer = await client.request(head, JSON.stringify({ text: "x", fillingBytes: 10 }));
  return answer.status === 200 && answer.body.includes("x".repeat(10));
}

async function callRest(client: Http2Client): Promise<boolean> {
  const answer = await client.request({ ":path": "/bytes?n=1000" });
  return answer.status === 200 && answer.body.length === 1000;
}
