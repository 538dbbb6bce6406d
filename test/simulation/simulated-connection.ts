import { Code, ConnectError } from "@connectrpc/connect";
import type { Timer } from "../../src/call/clock.ts";
import type { Connection, ConnectionListener, ConnectionState } from "../../src/client/connections/connection.ts";
import type { AnswerListener, HttpRequest, RequestHead } from "../../src/client/connections/http-request.ts";
import { lostConnection, notConnected } from "../../src/client/connections/lost-connection.ts";
import { SimulatedCall } from "./simulated-call.ts";
import type { SimulatedBackend } from "./simulated-network.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const CONNECT_TIMEOUT_MS = 5000;
/** To the backend and back. */
const PING_MS = 1;

/** A connection without a socket, which goes as its backend has it. */
export class SimulatedConnection implements Connection {
  readonly #clock: VirtualClock;
  readonly #backend: SimulatedBackend;
  readonly #listener: ConnectionListener;
  readonly #timers = new Set<Timer>();
  readonly calls = new Set<SimulatedCall>();
  readonly startedAt: number;
  state: ConnectionState = "connecting";
  heard = 0;
  pings = 0;
  maxCalls: number;

  constructor(clock: VirtualClock, backend: SimulatedBackend, listener: ConnectionListener) {
    this.#clock = clock;
    this.#backend = backend;
    this.#listener = listener;
    this.startedAt = clock.now();
    this.maxCalls = backend.maxCalls;
    this.#after(CONNECT_TIMEOUT_MS, () => this.lose(`not connected within ${CONNECT_TIMEOUT_MS} ms`));
    this.#after(backend.connectMs, () => backend.onConnect(this));
  }

  get activeCalls(): number {
    return this.calls.size;
  }

  get room(): number {
    return this.state === "ready" ? Math.max(0, this.maxCalls - this.calls.size) : 0;
  }

  get isOver(): boolean {
    return this.state === "closed";
  }

  request(head: RequestHead, body: Uint8Array | null | undefined, listener: AnswerListener): HttpRequest {
    const call = new SimulatedCall(this.#clock, head, body, listener, (over, hasHeard) =>
      this.#onCallOver(over, hasHeard),
    );
    if (this.room === 0) {
      call.reject();
      return call;
    }
    this.calls.add(call);
    const isHealthCheck = call.path.startsWith("/grpc.health.v1.");
    if (isHealthCheck) this.#backend.healthChecks.push(this.#clock.now());
    else this.#backend.calls.push(call);
    call.open();
    call.after(this.#backend.answerMs, () => {
      if (isHealthCheck) this.#backend.onHealthCheck(call);
      else this.#backend.onCall(call, this);
    });
    return call;
  }

  ping(): void {
    this.pings++;
    if (this.#backend.answersPings) this.#after(PING_MS, () => this.heard++);
  }

  drain(): void {
    if (this.state === "ready") {
      this.state = "draining";
      this.#listener.onDraining(undefined);
      this.#endIfDone();
    }
  }

  close(reason: string): void {
    this.lose(reason);
  }

  // What the backend does with it.

  accept(): void {
    if (this.state === "connecting") {
      this.state = "ready";
      this.heard++;
      this.#cancelTimers();
      this.#listener.onReady();
    }
  }

  /** It ends now, and with it the calls that it has. */
  lose(why: string): void {
    if (this.state === "closed") return;
    const wasConnecting = this.state === "connecting";
    this.state = "closed";
    this.#cancelTimers();
    const { name } = this.#backend;
    for (const call of [...this.calls]) call.fail(lostConnection(name, why), false);
    this.#listener.onClosed((wasConnecting ? notConnected : lostConnection)(name, why));
  }

  /** The backend takes no more calls, and none of those that `isProcessed` does not say it has processed. */
  goAway(isProcessed: (call: SimulatedCall) => boolean = () => true): void {
    this.heard++;
    if (this.state === "ready") {
      this.state = "draining";
      this.#listener.onDraining("NO_ERROR");
    }
    for (const call of [...this.calls]) {
      if (!isProcessed(call)) call.fail(new ConnectError("the peer leaves: NO_ERROR", Code.Unavailable), true);
    }
    this.#endIfDone();
  }

  /** How many calls the backend takes at once, from now on. */
  allow(calls: number): void {
    this.heard++;
    this.maxCalls = calls;
    this.#listener.onRoom();
  }

  #onCallOver(call: SimulatedCall, hasHeard: boolean): void {
    this.calls.delete(call);
    if (hasHeard) this.heard++;
    this.#endIfDone();
    this.#listener.onRoom();
  }

  #endIfDone(): void {
    if (this.state === "draining" && this.calls.size === 0) this.lose("the connection has ended");
  }

  #after(ms: number, then: () => void): void {
    const timer = this.#clock.schedule(ms, () => {
      this.#timers.delete(timer);
      then();
    });
    this.#timers.add(timer);
  }

  #cancelTimers(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }
}
