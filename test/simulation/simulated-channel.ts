import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { type Channel, openChannel } from "../../src/client/channel.ts";
import type { ChannelOptions } from "../../src/client/channel-options.ts";
import type { Address, Resolver, ResolverListener } from "../../src/client/resolving/resolver.ts";
import { BehaviourService } from "../behaviour/gen/behaviour/v1/behaviour_pb.js";
import { type Random, randomOf } from "../http2/random.ts";
import { createNetwork, type SimulatedBackend, type SimulatedNetwork } from "./simulated-network.ts";
import { createVirtualClock, type VirtualClock } from "./virtual-clock.ts";

/** What became of a call, and when. */
export interface Outcome {
  readonly startedAt: number;
  /** Undefined while it is under way. */
  settledAt: number | undefined;
  code: Code | undefined;
  error: ConnectError | undefined;
}

/** A resolver that finds what the test tells it to find. */
export interface SimulatedResolver extends Resolver {
  /** Set once it was asked. */
  listener: ResolverListener | undefined;
  refreshes: number;
  /** What it was told last. */
  found: readonly string[] | undefined;
  find(...names: readonly string[]): void;
}

/** A channel to simulated backends, on virtual time and with numbers that follow from a seed. */
export interface SimulatedChannel extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly network: SimulatedNetwork;
  readonly channel: Channel;
  /** `read` has no side effects, `act` must never run twice, `converse` streams both ways. */
  readonly client: Client<typeof BehaviourService>;
  /** Backends in the target's order. */
  readonly backends: readonly [SimulatedBackend, ...SimulatedBackend[]];
  /** Begins a call, and keeps what becomes of it. */
  begin(call: () => Promise<unknown>): Outcome;
  /** Begins a call and lets time pass until it is over. */
  outcome(call: () => Promise<unknown>): Promise<Outcome>;
  read(options?: Parameters<Client<typeof BehaviourService>["read"]>[1]): Promise<Outcome>;
  act(options?: Parameters<Client<typeof BehaviourService>["act"]>[1]): Promise<Outcome>;
}

export interface SimulationOptions extends ChannelOptions {
  /** How many backends there are, `10.0.0.1:1`, `10.0.0.2:1` and so on. Default 1. */
  readonly count?: number;
  readonly seed?: number;
  /** Default: finds the backends at once. */
  readonly resolver?: Resolver;
  readonly clock?: VirtualClock;
  readonly network?: SimulatedNetwork;
}

export function simulateChannel({
  count = 1,
  seed = 1,
  resolver,
  clock = createVirtualClock(),
  network = createNetwork(clock),
  ...options
}: SimulationOptions = {}): SimulatedChannel {
  const names = Array.from({ length: count }, (_, index) => `10.0.0.${index + 1}:1`);
  const random = randomOf(seed);
  const channel = openChannel(resolver ?? `static:///${names.join()}`, options, {
    clock,
    random: random.next,
    connect: network.connect,
  });
  const client = createClient(BehaviourService, channel);
  const [first, ...others] = names.map(network.backend);
  if (first === undefined) throw new Error("there has to be a backend");
  const begin = (call: () => Promise<unknown>) => beginCall(clock, call);
  async function outcome(call: () => Promise<unknown>): Promise<Outcome> {
    const begun = begin(call);
    await clock.advanceUntil(() => begun.settledAt !== undefined);
    return begun;
  }
  return {
    clock,
    random,
    network,
    channel,
    client,
    backends: [first, ...others],
    begin,
    outcome,
    read: (callOptions) => outcome(() => client.read({ text: "x" }, callOptions)),
    act: (callOptions) => outcome(() => client.act({ text: "x" }, callOptions)),
    [Symbol.asyncDispose]: () => channel[Symbol.asyncDispose](),
  };
}

/** Begins a call, and keeps what becomes of it. */
export function beginCall(clock: VirtualClock, call: () => Promise<unknown>): Outcome {
  const outcome: Outcome = { startedAt: clock.now(), settledAt: undefined, code: undefined, error: undefined };
  call().then(
    () => {
      outcome.settledAt = clock.now();
    },
    (thrown: unknown) => {
      outcome.settledAt = clock.now();
      outcome.error = ConnectError.from(thrown, Code.Internal);
      outcome.code = outcome.error.code;
    },
  );
  return outcome;
}

export function simulateResolver(): SimulatedResolver {
  const resolver: SimulatedResolver = {
    authority: "orders:1",
    listener: undefined,
    refreshes: 0,
    found: undefined,
    resolve(listener) {
      resolver.listener = listener;
      return {
        refresh: () => resolver.refreshes++,
        close: () => undefined,
      };
    },
    find(...names) {
      resolver.found = names;
      resolver.listener?.onAddresses(names.map(addressOf));
    },
  };
  return resolver;
}

function addressOf(name: string): Address {
  const [host = "", port] = name.split(":");
  return { host, port: Number(port) };
}
