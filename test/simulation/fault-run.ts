import { type Client, Code, type ConnectError, createClient } from "@connectrpc/connect";
import { type Channel, openChannel } from "../../src/client/channel.ts";
import type { ChannelOptions } from "../../src/client/channel-options.ts";
import { BehaviourService } from "../behaviour/gen/behaviour/v1/behaviour_pb.js";
import { type CallKind, STEADY } from "../faults/load-plan.ts";
import { randomOf } from "../http2/random.ts";
import { CALL_FIELD } from "./echo-server.ts";
import { createLinkNetwork, type LinkedBackend } from "./link-network.ts";
import { beginCall, type Outcome, type SimulatedResolver, simulateResolver } from "./simulated-channel.ts";
import { createVirtualClock, type VirtualClock } from "./virtual-clock.ts";

/** How long calls go well before a fault, how long they go on after it, and how long the last may take, in milliseconds. */
const [BEFORE_MS, AFTER_MS, PATIENCE_MS] = [400, 1500, 3000];
/** How far a call may go past its deadline, in milliseconds. */
const MAX_OVERRUN_MS = 50;
/** After how long everything has to be well again, in milliseconds. */
const MAX_RECOVERY_MS = 1000;

/** Something that goes wrong while a channel with default options is under steady load. */
export interface VirtualScenario {
  readonly name: string;
  /** How many backends there are; the target has them all, unless `begin` says otherwise. Default 1. */
  readonly count?: number;
  readonly isThereFirst?: boolean;
  /** In milliseconds. */
  readonly faultMs: number;
  readonly begin: (stage: VirtualStage) => void;
  readonly end?: (stage: VirtualStage) => void;
  /** What did not hold of what this scenario asks beyond what all do. */
  readonly complaints?: (run: FaultRun) => readonly string[];
}

export interface VirtualStage {
  readonly clock: VirtualClock;
  readonly resolver: SimulatedResolver;
  readonly backends: readonly [LinkedBackend, ...LinkedBackend[]];
  readonly names: readonly string[];
  /** Makes calls beside the steady ones. */
  burst(calls: number, kind: CallKind, timeoutMs: number): void;
}

export interface MadeCall extends Outcome {
  readonly name: string;
  readonly kind: CallKind;
  readonly isOfBurst: boolean;
  readonly deadlineAt: number;
}

export interface FaultRun {
  readonly calls: readonly MadeCall[];
  readonly beganAt: number;
  readonly endedAt: number;
  /** By the backends, in the target's order. */
  readonly served: readonly (readonly string[])[];
  readonly stats: ReturnType<Channel["stats"]>;
  readonly worstOverrunMs: number;
  readonly recoveryMs: number;
  /** Why it does not hold; nothing where it does. */
  readonly complaints: readonly string[];
}

export async function runFault(scenario: VirtualScenario, options: ChannelOptions, seed = 1): Promise<FaultRun> {
  const clock = createVirtualClock();
  const network = createLinkNetwork(clock);
  const resolver = simulateResolver();
  const names = Array.from({ length: scenario.count ?? 1 }, (_, index) => `10.0.0.${index + 1}:1`);
  const [first, ...others] = names.map(network.backend);
  if (first === undefined) throw new Error("there has to be a backend");
  const channel = openChannel(resolver, options, { clock, random: randomOf(seed).next, connect: network.connect });
  const client = createClient(BehaviourService, channel);
  const calls: MadeCall[] = [];
  const make = (kind: CallKind, timeoutMs: number, isOfBurst: boolean) => {
    const name = String(calls.length + 1);
    const outcome = beginCall(clock, () => call(client, kind, name, timeoutMs));
    calls.push(Object.assign(outcome, { name, kind, isOfBurst, deadlineAt: clock.now() + timeoutMs }));
  };
  const stage: VirtualStage = {
    clock,
    resolver,
    backends: [first, ...others],
    names,
    burst(count, kind, timeoutMs) {
      for (let made = 0; made < count; made++) make(kind, timeoutMs, true);
    },
  };
  let turn = 0;
  let isLoaded = true;
  const keepPace = () => {
    if (!isLoaded) return;
    const kind = STEADY.turns[turn++ % STEADY.turns.length] ?? "once";
    make(kind, kind === "watch" || kind === "converse" ? STEADY.streamTimeoutMs : STEADY.unaryTimeoutMs, false);
    clock.schedule(1000 / STEADY.callsPerSecond, keepPace);
  };

  if (scenario.isThereFirst === true) scenario.begin(stage);
  keepPace();
  await clock.settle();
  if (resolver.found === undefined) resolver.find(...names);
  if (scenario.isThereFirst !== true) {
    await clock.advance(BEFORE_MS);
    scenario.begin(stage);
  }
  const beganAt = scenario.isThereFirst === true ? 0 : clock.now();
  await clock.advance(scenario.faultMs);
  scenario.end?.(stage);
  const endedAt = clock.now();
  await clock.advance(AFTER_MS);
  isLoaded = false;
  await clock.advance(PATIENCE_MS);
  const stats = channel.stats();
  await channel[Symbol.asyncDispose]();
  await clock.advance(10_000); // a server's deeds go on
  const served = stage.backends.map(({ temper }) => temper.served);
  const open = stage.backends.flatMap(({ links }) => links.filter(({ isOpen }) => isOpen));
  const run = { calls, beganAt, endedAt, served, stats, ...figuresOf(calls, endedAt), complaints: [] };
  return {
    ...run,
    complaints: [
      ...judge(run),
      ...(clock.timers === 0 ? [] : [`${clock.timers} timers are left`]),
      ...(open.length === 0 ? [] : [`${open.length} sockets are left`]),
      ...(scenario.complaints?.(run) ?? []),
    ],
  };
}

/** Makes a call, and reads what it answers to its end. */
async function call(client: Client<typeof BehaviourService>, kind: CallKind, text: string, timeoutMs: number) {
  const options = { timeoutMs, headers: { [CALL_FIELD]: text } };
  switch (kind) {
    case "once":
      return client.act({ text }, options);
    case "idempotent":
      return client.read({ text }, options);
    case "watch":
      return readAll(client.watch({ text }, options));
    case "converse":
      return readAll(client.converse(twice(text), options));
  }
}

async function* twice(text: string) {
  yield { text };
  yield { text };
}

async function readAll(messages: AsyncIterable<unknown>): Promise<void> {
  let count = 0;
  for await (const _message of messages) count++;
  if (count < 2) throw new Error(`a stream ended well with ${count} messages`);
}

function figuresOf(calls: readonly MadeCall[], endedAt: number) {
  const overruns = calls.map(({ settledAt = Number.POSITIVE_INFINITY, deadlineAt }) => settledAt - deadlineAt);
  const late = calls.filter(({ code, startedAt }) => code !== undefined && startedAt > endedAt);
  return {
    worstOverrunMs: Math.max(0, ...overruns),
    recoveryMs: Math.max(0, ...late.map(({ startedAt }) => startedAt - endedAt)),
  };
}

/** It says in words where the time of the call went, as far as it was told by our side. */
function hasStory(error: ConnectError | undefined): boolean {
  return /\(target orders:1; \d+ ms in \d+ attempts?; .*(?:resolving|connecting|stream slot|headers|trailers) \d+ ms/.test(
    error?.rawMessage ?? "",
  );
}

/** Judges what holds for every scenario alike. */
function judge({ calls, beganAt, worstOverrunMs, recoveryMs, served, stats }: FaultRun): readonly string[] {
  const lost = calls.filter(({ settledAt }) => settledAt === undefined);
  const early = calls.filter(({ code, settledAt = 0 }) => code !== undefined && settledAt < beganAt);
  const kinds = new Map(calls.map(({ name, kind }) => [name, kind]));
  const runs = Map.groupBy(
    served.flat().filter((name) => kinds.get(name) !== "idempotent"),
    (name) => name,
  );
  const twiceRun = [...runs.values()].filter(({ length }) => length > 1);
  const silent = calls.filter(({ code, error }) => code === Code.DeadlineExceeded && !hasStory(error));
  return [
    ...(silent.length === 0 ? [] : [`a call does not say where its time went: ${silent[0]?.error}`]),
    ...(lost.length === 0 ? [] : [`${lost.length} calls never settled`]),
    ...(worstOverrunMs <= MAX_OVERRUN_MS ? [] : [`a call took ${worstOverrunMs} ms too long`]),
    ...(recoveryMs <= MAX_RECOVERY_MS ? [] : [`calls fail ${recoveryMs} ms after the fault`]),
    ...(early.length === 0 ? [] : [`${early.length} calls failed before the fault: ${early[0]?.error}`]),
    ...(twiceRun.length === 0 ? [] : [`${twiceRun.length} calls that must not ran more than once`]),
    ...(stats.callsActive === 0 ? [] : [`the channel still counts ${stats.callsActive} calls`]),
  ];
}
