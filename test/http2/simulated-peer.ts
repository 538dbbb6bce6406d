import {
  type ConnectionError,
  type ConnectionListener,
  type ConnectionOptions,
  Http2Connection,
  type Stream,
  type StreamListener,
} from "../../src/http2/index.ts";
import { IGNORING } from "../../src/http2/stream.ts";
import type { Random } from "./random.ts";
import { type MessagePlan, SimulatedStream, type StreamLedger } from "./simulated-stream.ts";
import { WireTally } from "./wire-tally.ts";

/** How a peer behaves in one run. */
export interface Habits {
  /** Requests in all (client). */
  readonly requests: number;
  readonly resetChance: number;
  /** How likely what has come is read in a step; at 1 it is read when it comes. */
  readonly readChance: number;
  /** How likely a stream gets on in a step; at 1 it sends all that it may in its callbacks. */
  readonly sendChance: number;
  readonly largestPart: number;
  /** Streams that are open at once at most, before the server has said how many (client). */
  readonly openAtOnce: number;
}

const RESET_CODES: readonly [number, ...number[]] = [0x2, 0x8, 0x0];

/** An engine with a user who does anything that is allowed, and checks everything that is promised. */
export class SimulatedPeer implements ConnectionListener {
  readonly connection: Http2Connection;
  readonly tally: WireTally;
  readonly streams: SimulatedStream[] = [];
  readonly #problems: string[] = [];
  readonly #random: Random;
  readonly #habits: Habits;
  readonly #ledgers: Map<number, StreamLedger>;
  readonly #isServer: boolean;
  #requestsLeft: number;
  #hasPeerSettings = false;
  /** Nothing is broken off any more, and all is read. */
  isSettling = false;
  /** Nothing is done but what the engine does by itself. */
  isPaused = false;
  onWritten: (bytes: number) => void = () => undefined;
  #wantsOutput = false;
  overs = 0;
  error: ConnectionError | undefined;

  constructor(options: ConnectionOptions, habits: Habits, random: Random, ledgers: Map<number, StreamLedger>) {
    this.#isServer = options.role === "server";
    this.#random = random;
    this.#habits = habits;
    this.#ledgers = ledgers;
    this.#requestsLeft = habits.requests;
    this.tally = new WireTally(!this.#isServer);
    this.connection = new Http2Connection(options, this);
    this.#wantsOutput = true; // what a new connection says needs no telling
  }

  get problems(): readonly string[] {
    return [...this.#problems, ...this.tally.problems, ...this.streams.flatMap(({ problems }) => problems)];
  }

  get isDone(): boolean {
    return this.#requestsLeft === 0 || this.connection.isLeaving;
  }

  get open(): readonly SimulatedStream[] {
    return this.streams.filter(({ closes }) => closes === 0);
  }

  onOutput(): void {
    this.#wantsOutput = true;
  }

  onStream(stream: Stream): StreamListener {
    const ledger = this.#ledgers.get(stream.id) ?? this.#lost(stream.id);
    ledger.isProcessed = true;
    const simulated = this.#add(stream, ledger, this.#message(true, stream.head?.method === "HEAD"), false);
    if (this.#habits.sendChance === 1 && !this.isPaused && this.#random.chance(0.5)) {
      this.#sendAll(simulated);
    }
    return simulated;
  }

  onPeerSettings(): void {
    this.#hasPeerSettings = true;
  }

  onGoAway(): void {
    this.#check(this.overs === 0, "GOAWAY is told after the end");
  }

  onOver(error: ConnectionError | undefined): void {
    this.overs++;
    this.error = error;
    this.#check(this.overs === 1, "the connection is over twice");
    this.#check(this.open.length === 0, "the connection is over before its streams");
  }

  /** What the user does in one step. */
  step(): void {
    const random = this.#random;
    if (this.isPaused) {
      return;
    }
    if (!this.#isServer && this.#requestsLeft > 0 && (this.isSettling || random.chance(0.4))) {
      this.#open();
    }
    for (const simulated of this.open) {
      this.#stepStream(simulated);
    }
  }

  #stepStream(simulated: SimulatedStream): void {
    const { resetChance, readChance, sendChance } = this.#habits;
    const random = this.#random;
    if (simulated.unread > 0 && (this.isSettling || random.chance(readChance))) {
      simulated.consume(this.isSettling ? simulated.unread : random.between(1, simulated.unread));
    }
    if (!this.isSettling && random.chance(resetChance)) {
      simulated.stream.reset(random.pick(RESET_CODES));
    } else if (this.isSettling || random.chance(sendChance)) {
      // A user that does not wait for room is no good user, but is not to be punished by losing bytes.
      if (!simulated.isHeld || random.chance(0.05)) {
        simulated.advance();
      }
    }
  }

  #open(): void {
    const { connection } = this;
    if (!connection.canOpen || (!this.#hasPeerSettings && connection.streamCount >= this.#habits.openAtOnce)) {
      return;
    }
    const isHead = this.#random.chance(0.05);
    const plan = this.#message(false, isHead);
    const isAll = plan.parts.length === 0 && plan.trailers === undefined;
    const ledger: StreamLedger = { isProcessed: false, request: undefined, response: undefined };
    const stream = connection.open(plan.head, isAll, IGNORING, isHead);
    this.#check(stream !== undefined, "no stream is opened though one can be");
    if (stream !== undefined) {
      this.#requestsLeft--;
      this.#ledgers.set(stream.id, ledger);
      ledger.request = isAll ? { bytes: 0, trailers: undefined } : undefined;
      this.#add(stream, ledger, plan, true, isAll);
    }
  }

  /** A stream with nothing on it but a head, which says what is going to come. */
  openProbe(): SimulatedStream | undefined {
    const head = [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", "/probe"],
      [":authority", "simulation.test"],
    ] as const;
    const plan = { head, interim: 0, parts: [], trailers: undefined, endsWithLastPart: false };
    const stream = this.connection.canOpen ? this.connection.open(head, false, IGNORING) : undefined;
    if (stream === undefined) {
      return undefined;
    }
    const ledger = { isProcessed: false, request: undefined, response: undefined };
    this.#ledgers.set(stream.id, ledger);
    return this.#add(stream, ledger, plan, true);
  }

  #add(stream: Stream, ledger: StreamLedger, plan: MessagePlan, hasBegun: boolean, hasEnded = false): SimulatedStream {
    const simulated = new SimulatedStream(stream, plan, ledger, this.#isServer, hasBegun, hasEnded);
    simulated.onEvent = (event) => {
      if (this.isPaused || stream.isClosed) {
        return;
      }
      if (event === "data" && this.#habits.readChance === 1) {
        simulated.consume(simulated.unread);
      }
      if (event !== "close" && this.#habits.sendChance === 1) {
        this.#random.chance(0.01) && !this.isSettling ? stream.reset(0x8) : this.#sendAll(simulated);
      }
    };
    this.streams.push(simulated);
    return simulated;
  }

  #sendAll(simulated: SimulatedStream): void {
    while (!simulated.isSent && !simulated.isHeld && !simulated.stream.isClosed) {
      simulated.advance();
    }
  }

  #message(isResponse: boolean, isHead: boolean): MessagePlan {
    const random = this.#random;
    const { largestPart } = this.#habits;
    const hasBody = !(isHead && isResponse) && random.chance(0.7);
    const parts = hasBody ? Array.from({ length: random.between(0, 6) }, () => random.between(5, largestPart)) : [];
    const length = parts.reduce((sum, part) => sum + part, 0);
    const head: [string, string][] = isResponse
      ? [[":status", random.pick(["200", "404", "500"])]]
      : [
          [":method", isHead ? "HEAD" : "POST"],
          [":scheme", "http"],
          [":path", `/${random.between(1, 5)}`],
          [":authority", "simulation.test"],
        ];
    if (random.chance(0.5)) {
      head.push(["content-length", String(length)]);
    }
    for (let count = random.between(0, 4); count > 0; count--) {
      head.push([`x-${random.between(1, 6)}`, "v".repeat(random.between(0, 60)) + random.between(1, 3)]);
    }
    if (random.chance(0.04)) {
      head.push(["x-long", "l".repeat(random.between(10_000, 40_000))]); // goes on in CONTINUATION
    }
    const trailers = !isHead && random.chance(0.3) ? [["x-end", String(random.between(1, 3))] as const] : undefined;
    const interim = isResponse && random.chance(0.1) ? random.between(1, 2) : 0;
    return { head, interim, parts, trailers, endsWithLastPart: random.chance(0.5) };
  }

  /** What the peer writes at the end of its turn: copied, as its buffers are used again. */
  takeOutput(): Buffer {
    const { connection } = this;
    const hasWaiting = connection.outputBytes > 0 || connection.hasMoreOutput;
    this.#check(this.#wantsOutput || connection.isOver || !hasWaiting, "output waits, and nobody was told");
    if (!this.#wantsOutput) {
      return Buffer.alloc(0);
    }
    this.#wantsOutput = false;
    const bytes = Buffer.concat(connection.takeOutput());
    connection.outputTaken(this.#random.chance(0.8));
    this.#wantsOutput ||= connection.hasMoreOutput;
    this.onWritten(bytes.length);
    this.tally.add(bytes);
    this.#check(this.tally.isWhole, "a write ends within a frame or a header block");
    return bytes;
  }

  get hasOutput(): boolean {
    return this.#wantsOutput;
  }

  #lost(id: number): StreamLedger {
    this.#check(false, `stream ${id} was never opened by the client`);
    return { isProcessed: true, request: undefined, response: undefined };
  }

  #check(holds: boolean, problem: string): void {
    if (!holds) {
      this.#problems.push(`${this.#isServer ? "server" : "client"}: ${problem}`);
    }
  }
}
