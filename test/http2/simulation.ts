import { FrameType } from "../../src/http2/frame.ts";
import { type ConnectionOptions, WindowBudget } from "../../src/http2/index.ts";
import { frame } from "../support/frames.ts";
import { Pipe } from "./pipe.ts";
import { probeWindows } from "./probe-windows.ts";
import { type Random, randomOf } from "./random.ts";
import { type Habits, SimulatedPeer } from "./simulated-peer.ts";
import type { SimulatedStream, StreamLedger } from "./simulated-stream.ts";

const BUDGET_BYTES = 4 * 1024 * 1024;
/** What an honest run needs at most to come to rest, in steps. */
const MOST_STEPS = 4000;

/** One run: a client and a server on the two ends of a link, and all that happens to them. */
export interface World {
  readonly random: Random;
  readonly client: SimulatedPeer;
  readonly server: SimulatedPeer;
  readonly up: Pipe;
  readonly down: Pipe;
  readonly budgets: { readonly client: WindowBudget; readonly server: WindowBudget };
  readonly connectionBytes: { readonly client: number; readonly server: number };
  /** What each budget has at the start. */
  readonly budgetBytes: number;
  readonly problems: string[];
  /** Who was sent a frame that no honest peer sends. */
  injected: "client" | "server" | undefined;
  now: number;
}

/**
 * Runs what a seed says.
 *
 * @param log is told what each side has written, and when
 * @returns what was not as promised, in words; empty where all was
 */
export function simulate(seed: number, log?: (line: string) => void): readonly string[] {
  const world = createWorld(randomOf(seed));
  const { random, client, server, problems } = world;
  client.onWritten = (bytes) => log?.(`${world.now} client ${bytes}`);
  server.onWritten = (bytes) => log?.(`${world.now} server ${bytes}`);
  const steps = random.between(5, 60);
  const mayBreak = random.chance(0.15);
  for (let step = 0; step < steps; step++) {
    happen(world, mayBreak);
    turn(world);
  }
  if (random.chance(0.5)) {
    pause(world);
  }
  settle(world);
  if (random.chance(0.3)) {
    probeWindows(world, () => drain(world));
  }
  end(world);
  return [...problems, ...client.problems, ...server.problems];
}

function createWorld(random: Random): World {
  const maxConcurrentStreams = random.pick([1, 3, 100]);
  const habits = (): Habits => ({
    requests: random.between(1, 14),
    resetChance: random.pick([0, 0, 0.01, 0.05]),
    readChance: random.pick([1, 1, 0.5, 0.1]),
    sendChance: random.pick([1, 0.5, 0.2]),
    largestPart: random.pick([50, 2000, 20_000, 60_000]),
    openAtOnce: maxConcurrentStreams,
  });
  const options = (role: "client" | "server", windowBudget: WindowBudget): ConnectionOptions => ({
    role,
    now: 0,
    random: random.next,
    maxConcurrentStreams,
    headerListBytes: 64 * 1024,
    outputBytes: random.pick([1000, 100_000, 1_000_000]),
    connectionWindowBytes: random.pick([65_535, 100_000, 200_000]),
    maxStreamWindowBytes: random.pick([65_535, 1_000_000]),
    windowBudget,
    settingsTimeoutMs: 300_000,
    keepaliveMs: random.pick([500, 10_000]),
    keepaliveIdle: random.chance(0.5),
    pingTimeoutMs: 300_000,
    idleMs: random.pick([2000, 600_000, 600_000]),
    maxAgeMs: random.pick([3000, 6_000_000, 6_000_000]),
  });
  const budgets = { client: new WindowBudget(BUDGET_BYTES), server: new WindowBudget(BUDGET_BYTES) };
  const clientOptions = options("client", budgets.client);
  const serverOptions = options("server", budgets.server);
  const ledgers = new Map<number, StreamLedger>();
  const delayMs = random.pick([0, 20, 400, 1500]);
  return {
    random,
    client: new SimulatedPeer(clientOptions, habits(), random, ledgers),
    server: new SimulatedPeer(serverOptions, habits(), random, ledgers),
    up: new Pipe(random, delayMs),
    down: new Pipe(random, delayMs),
    budgets,
    budgetBytes: BUDGET_BYTES,
    connectionBytes: { client: clientOptions.connectionWindowBytes, server: serverOptions.connectionWindowBytes },
    problems: [],
    injected: undefined,
    now: 0,
  };
}

/** Each ends the connection, whenever it comes behind the first SETTINGS. */
const DISHONEST: readonly [Buffer, ...Buffer[]] = [
  frame(FrameType.WINDOW_UPDATE, 0, 0, Buffer.alloc(4)),
  frame(FrameType.PING, 0, 0, Buffer.alloc(7)),
  frame(FrameType.DATA, 0, 0x7fff_fff1, Buffer.from("hello")),
  frame(FrameType.RST_STREAM, 0, 0x7fff_fff2, Buffer.alloc(4)),
];

/** What happens to a connection beside its streams. */
function happen(world: World, mayBreak: boolean): void {
  const { random, client, server } = world;
  const { connection } = random.pick([client, server]);
  if (random.chance(0.08)) {
    connection.changeSettings({ initialWindowBytes: random.pick([0, 1, 1000, 65_535, 300_000]) });
  }
  if (random.chance(0.04)) {
    connection.changeSettings({ headerTableBytes: random.pick([0, 100, 4096, 20_000]) });
  }
  if (random.chance(0.04)) {
    connection.changeSettings({ maxFrameBytes: random.pick([16_384, 20_000, 100_000]) });
  }
  if (random.chance(0.05)) {
    connection.ping(world.now);
  }
  if (random.chance(0.05)) {
    random.pick([world.up, world.down]).stall(world.now + random.between(1, 4000));
  }
  if (random.chance(0.01)) {
    connection.leave();
  }
  if (mayBreak && world.injected === undefined && random.chance(0.03)) {
    world.injected = random.pick(["client", "server"]);
    (world.injected === "client" ? world.down : world.up).send(random.pick(DISHONEST), world.now);
  }
  if (mayBreak && random.chance(0.03)) {
    world.up.cut();
    world.down.cut();
    client.connection.lost("the link is cut");
    server.connection.lost("the link is cut");
  }
}

/** Lets time pass, both sides act, and bytes arrive. */
function turn(world: World): void {
  const { random, client, server, up, down } = world;
  world.now += random.pick([0, 1, 10, 100, 700]);
  for (const peer of random.chance(0.5) ? [client, server] : [server, client]) {
    peer.step();
    if (random.chance(0.3)) {
      peer.connection.tick(world.now);
    }
    const isClient = peer === client;
    // As the edge has it: more is taken as long as there is more.
    for (let writes = 0; peer.hasOutput && writes < 50; writes++) {
      (isClient ? up : down).send(peer.takeOutput(), world.now);
    }
    const incoming = isClient ? down : up;
    for (const chunk of incoming.arrivals(world.now)) {
      peer.connection.receive(chunk);
    }
    const other = isClient ? server : client;
    if (other.connection.isOver && other.error !== undefined && !other.hasOutput && incoming.isEmpty) {
      peer.connection.lost("the peer has closed the connection");
    }
  }
}

const isQuiet = ({ client, server, up, down }: World) =>
  up.isEmpty && down.isEmpty && !client.hasOutput && !server.hasOutput;

/** Nobody does anything, until nothing is under way. */
function drain(world: World): void {
  const { client, server } = world;
  client.isPaused = true;
  server.isPaused = true;
  for (let steps = 0; steps === 0 || !isQuiet(world); steps++) {
    if (steps === MOST_STEPS) {
      world.problems.push("the link does not come to rest");
      break;
    }
    turn(world);
  }
  client.isPaused = false;
  server.isPaused = false;
}

/** With nothing under way, each side may send exactly what the other has granted. */
function pause(world: World): void {
  const { client, server, problems } = world;
  drain(world);
  for (const of of client.streams) {
    const other = server.streams.find(({ stream }) => stream.id === of.stream.id);
    if (other !== undefined) {
      problems.push(...unlike(of, other, "up"), ...unlike(other, of, "down"));
    }
  }
}

function unlike(sender: SimulatedStream, receiver: SimulatedStream, direction: string): readonly string[] {
  if (sender.stream.isClosed || receiver.stream.isClosed || receiver.stream.isRemoteEnded) {
    return [];
  }
  const allowed = sender.stream.sendWindow.available;
  const granted = receiver.stream.receiveWindow.available;
  return allowed === granted ? [] : [`stream ${sender.stream.id} ${direction}: granted ${granted}, known ${allowed}`];
}

/** Everything that was begun is brought to its end. */
function settle(world: World): void {
  const { client, server, problems } = world;
  world.up.stall(0);
  world.down.stall(0);
  client.isSettling = true;
  server.isSettling = true;
  client.connection.changeSettings({ initialWindowBytes: 65_535 });
  server.connection.changeSettings({ initialWindowBytes: 65_535 });
  const isSettled = () => client.isDone && client.open.length === 0 && server.open.length === 0 && isQuiet(world);
  for (let steps = 0; !isSettled(); steps++) {
    if (steps === MOST_STEPS) {
      problems.push(`streams never end: client ${idsOf(client)}, server ${idsOf(server)}`);
      return;
    }
    turn(world);
  }
  for (const [name, { connection, streams }] of Object.entries({ client, server })) {
    if (connection.streamCount > 0 || connection.pendingBytes !== 0) {
      problems.push(`${name}: ${connection.streamCount} streams and ${connection.pendingBytes} bytes are left`);
    }
    if (streams.some(({ closes }) => closes !== 1)) {
      problems.push(`${name}: a stream is not closed once`);
    }
  }
}

const idsOf = ({ open }: SimulatedPeer) => open.map(({ stream }) => stream.id).join() || "none";

function end(world: World): void {
  const { random, client, server, budgets, problems } = world;
  const wasBroken = client.error !== undefined || server.error !== undefined;
  random.pick([client, server]).connection.leave();
  for (let steps = 0; steps < 200 && !(client.connection.isOver && server.connection.isOver); steps++) {
    world.now += 100;
    server.connection.tick(world.now);
    turn(world);
  }
  for (const [name, { connection, overs, error, tally }] of Object.entries({ client, server })) {
    if (!connection.isOver || overs !== 1) {
      problems.push(`${name}: the connection is over ${overs} times`);
    }
    if (!wasBroken && error !== undefined) {
      problems.push(`${name}: the connection ends by ${error.message}`);
    }
    if (name === world.injected) {
      continue;
    }
    for (const [fault, count] of connection.faults) {
      problems.push(`${name}: an honest peer is accused ${count} times: ${fault}`);
    }
    if (tally.goAways.some(({ code }) => code !== 0)) {
      problems.push(`${name}: GOAWAY with an error to an honest peer`);
    }
  }
  if (budgets.client.left !== BUDGET_BYTES || budgets.server.left !== BUDGET_BYTES) {
    problems.push("memory of windows is not given back");
  }
}
