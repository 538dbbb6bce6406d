// Over 300 lines: the one place that knows a target's backends and the calls that wait for one.
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock, Timer } from "../../call/clock.ts";
import type { ChannelSight } from "../channel-sight.ts";
import { channelClosed } from "../connections/channel-closed.ts";
import type { Connect, Connection } from "../connections/connection.ts";
import {
  type AnswerListener,
  type HttpRequest,
  type HttpTarget,
  NO_WISH,
  type PlacementWish,
  type RequestHead,
  type WaitingStage,
} from "../connections/http-request.ts";
import { clockOutsideOfCalls, outsideOfCalls } from "../outside-of-calls.ts";
import { distinctAddresses, formatAddress } from "../resolving/address.ts";
import type { Address, Resolution, Resolver } from "../resolving/resolver.ts";
import { StayAlive } from "../stay-alive.ts";
import { Backend, type BackendOwner } from "./backend.ts";
import { BackendHealth, type BackendHealthOptions } from "./backend-health.ts";
import { leastRequest, type Picker, roundRobin } from "./picker.ts";
import { Place } from "./place.ts";
import { StageClock } from "./stage-clock.ts";
import { WaitingLine } from "./waiting-line.ts";
import { WaitingRequest } from "./waiting-request.ts";

export interface BalancerOptions extends BackendHealthOptions {
  /** How errors name the target. */
  readonly origin: string;
  readonly resolver: Resolver;
  readonly connect: Connect;
  readonly clock: Clock;
  /** Numbers from 0 to 1, without 1. */
  readonly random: () => number;
  readonly balancing: "least_request" | "round_robin";
  readonly maxConnectionsPerBackend: number;
  /** Calls that may wait for a connection. */
  readonly maxWaiting: number;
  readonly sight: ChannelSight;
}

/** Backends of a target that was called in the last so many milliseconds are connected to again without another call. */
const WANTED_MS = 2000;
/** For how long the last failure is told with others. */
const RECENT_MS = 60_000;
/** A target that nobody has called for so long is not resolved again until somebody does. */
const QUIET_MS = 60_000;

/** A target with all its backends: every request goes to one of them, or waits until it can. */
export class Balancer implements HttpTarget, BackendOwner {
  readonly origin: string;
  readonly #options: BalancerOptions;
  readonly #health: BackendHealth;
  readonly #backends = new Map<string, Backend>();
  /** Backends that the target has no longer, whose calls go on. */
  readonly #leaving = new Set<Backend>();
  readonly #line = new WaitingLine<WaitingRequest>();
  readonly #stages: StageClock;
  readonly #stayAlive = new StayAlive();
  #candidates: readonly Backend[] = [];
  #picker: Picker<Backend>;
  #resolution: Resolution | undefined;
  #resolveError: Error | undefined;
  #lastError: { readonly what: string; readonly at: number } | undefined;
  #hasIdle = false;
  #isPumping = false;
  #isClosed = false;
  #calledAt = Number.NEGATIVE_INFINITY;
  #isQuiet = true;
  #quietTimer: Timer | undefined;

  constructor(options: BalancerOptions) {
    const { clock, random } = options;
    this.#options = { ...options, clock: clockOutsideOfCalls(clock) };
    this.origin = options.origin;
    this.#stages = new StageClock(() => clock.now());
    this.#picker = leastRequest([], random);
    this.#health = new BackendHealth(this.#options, options.sight, (isBack) => {
      this.#rebuild();
      if (isBack) {
        this.#pump();
      }
    });
  }

  get backends(): Iterable<Backend> {
    return this.#backends.values();
  }

  get waiting(): number {
    return this.#line.size;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The last failure to resolve or to connect, with its backend and age; undefined where there was none lately. */
  get lastErrorInWords(): string | undefined {
    const { what, at } = this.#lastError ?? {};
    const ageMs = this.#options.clock.now() - (at ?? 0);
    return what === undefined || ageMs > RECENT_MS ? undefined : `${what}, ${Math.round(ageMs)} ms ago`;
  }

  /** The target could not be resolved when that was tried last. */
  get hasNotResolved(): boolean {
    return this.#resolveError !== undefined;
  }

  isEjected(backend: Backend): boolean {
    return this.#health.isEjected(backend);
  }

  request(
    head: RequestHead,
    body: Uint8Array | null | undefined,
    listener: AnswerListener,
    wish: PlacementWish = NO_WISH,
  ): HttpRequest {
    this.#calledAt = this.#options.clock.now();
    if (this.#isQuiet || this.#hasIdle) {
      this.#wake();
    }
    if (this.#line.size === 0) {
      const backend = this.#picker.pick(this.#avoided(wish));
      if (backend !== undefined) {
        return this.#begin(backend, head, body, listener);
      }
    }
    return this.#wait(head, body, listener, wish);
  }

  close(): void {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.#isQuiet = true;
    this.#quietTimer?.cancel();
    this.#resolution?.close();
    this.#health.close();
    for (const backend of [...this.#backends.values(), ...this.#leaving]) {
      backend.close("the channel was closed");
    }
    this.#failWaiting(() => true, new ConnectError(`the channel to ${this.origin} was closed`, Code.Unavailable));
  }

  // What becomes of the backends (BackendOwner).

  isWanted(): boolean {
    return !this.#isClosed && (this.#line.size > 0 || this.#quietMs < WANTED_MS);
  }

  onChange(backend: Backend): void {
    if (backend.isGone) {
      this.#leaving.delete(backend);
    }
    this.#rebuild();
    this.#hasIdle = this.#someBackend("idle");
    if (this.#line.size > 0) {
      if (this.#hasIdle) {
        this.#wake();
      }
      this.#pump();
      this.#failIfHopeless();
    }
  }

  onRoom(): void {
    if (this.#line.size > 0) {
      this.#pump();
    }
  }

  onConnecting({ name }: Backend): void {
    this.#options.sight.tell("connect", { backend: name });
  }

  onReady({ name }: Backend, tookMs: number): void {
    this.#options.sight.tell("ready", { backend: name, tookMs });
  }

  onFailure({ name }: Backend, error: ConnectError): void {
    this.#options.sight.tell("lost", { backend: name, error });
    this.#remember(`${name}: ${error.rawMessage}`);
    this.#resolution?.refresh();
  }

  onDraining({ name }: Backend, reason: string | undefined): void {
    if (reason !== undefined) {
      this.#options.sight.tell("goaway", { backend: name, reason });
      this.#resolution?.refresh();
    }
  }

  #remember(what: string): void {
    this.#lastError = { what, at: this.#options.clock.now() };
  }

  // Requests that can be placed.

  #begin(
    backend: Backend,
    head: RequestHead,
    body: Uint8Array | null | undefined,
    listener: AnswerListener,
  ): HttpRequest {
    const connection = backend.roomyConnection() as Connection; // it was picked for having room
    listener.onPlaced?.(new Place(backend, connection, this.#health));
    return connection.request(head, body, listener);
  }

  #avoided({ avoid }: PlacementWish): Backend | undefined {
    return avoid === undefined ? undefined : this.#backends.get(avoid.backend);
  }

  // Requests that have to wait.

  #wait(
    head: RequestHead,
    body: Uint8Array | null | undefined,
    listener: AnswerListener,
    wish: PlacementWish,
  ): HttpRequest {
    const { sight, maxWaiting } = this.#options;
    if (this.#isClosed) {
      throw channelClosed(this.origin);
    }
    if (!wish.waitForReady && this.#isHopeless()) {
      throw this.#unreachable();
    }
    const isRefused = this.#line.size >= maxWaiting;
    if (isRefused) {
      sight.refused++;
    }
    sight.tell("queue", { waiting: this.#line.size, isRefused });
    if (isRefused) {
      const message = `${maxWaiting} calls already wait for a connection to ${this.origin}`;
      throw new ConnectError(message, Code.ResourceExhausted);
    }
    const request = new WaitingRequest(head, body, listener, wish, this.#stages, (withdrawn) => {
      this.#line.remove(withdrawn);
      this.#stayAlive.end();
    });
    this.#line.add(request);
    this.#stayAlive.begin();
    this.#grow();
    return request;
  }

  /** Places who waits, as far as there is room. */
  #pump(): void {
    if (this.#isPumping) {
      return;
    }
    this.#isPumping = true; // a request that cannot be begun ends at once, and comes back here
    while (this.#line.size > 0 && this.#candidates.some(({ hasRoom }) => hasRoom)) {
      const next = this.#takeWaiting();
      const backend = next && this.#picker.pick(this.#avoided(next.wish));
      if (next !== undefined && backend !== undefined) {
        next.start(() => this.#begin(backend, next.head, next.body, next.listener));
      }
    }
    this.#isPumping = false;
    this.#grow();
  }

  #takeWaiting(): WaitingRequest | undefined {
    const next = this.#line.take();
    if (next !== undefined) {
      this.#stayAlive.end();
    }
    return next;
  }

  /** Makes further connections, as many as those that wait have use for, where the peers' limits are what they wait for. */
  #grow(): void {
    let lacking = this.#line.size;
    for (const { connectingConnections, maxCallsPerConnection } of this.#candidates) {
      lacking -= connectingConnections * maxCallsPerConnection;
    }
    while (lacking > 0) {
      const smallest = this.#candidates
        .filter(({ canGrow, maxCallsPerConnection }) => canGrow && maxCallsPerConnection > 0)
        .sort((a, b) => size(a) - size(b))[0];
      if (smallest === undefined) {
        return;
      }
      lacking -= smallest.maxCallsPerConnection;
      outsideOfCalls(() => smallest.grow());
    }
  }

  /** No backend can be reached, and none has been found to be tried. */
  #isHopeless(): boolean {
    if (this.#backends.size === 0) {
      return this.#resolveError !== undefined;
    }
    for (const { state } of this.#backends.values()) {
      if (state !== "failed") {
        return false;
      }
    }
    return true;
  }

  #failIfHopeless(): void {
    if (this.#isHopeless()) {
      this.#failWaiting(({ wish }) => !wish.waitForReady, this.#unreachable());
    }
  }

  #failWaiting(isMeant: (request: WaitingRequest) => boolean, error: ConnectError): void {
    const spared: WaitingRequest[] = [];
    const failed: WaitingRequest[] = [];
    for (let next = this.#takeWaiting(); next !== undefined; next = this.#takeWaiting()) {
      (isMeant(next) ? failed : spared).push(next);
    }
    for (const request of spared) {
      this.#line.add(request);
      this.#stayAlive.begin();
    }
    for (const request of failed) {
      request.fail(copyOf(error)); // each call has its own
    }
  }

  #unreachable(): ConnectError {
    const errors = [...this.#backends.values()]
      .map(({ lastError }) => lastError)
      .filter((error) => error !== undefined);
    const known = errors[0];
    if (known !== undefined) {
      return copyOf(known);
    }
    const why = this.#resolveError?.message ?? "no backend can be reached";
    return new ConnectError(`${this.origin}: ${why}`, Code.Unavailable, undefined, undefined, this.#resolveError);
  }

  // What the target consists of.

  /** Somebody calls: what rests is begun. */
  #wake(): void {
    if (this.#isClosed) {
      return;
    }
    outsideOfCalls(() => {
      if (this.#isQuiet) {
        this.#isQuiet = false;
        this.#watchForQuiet();
        this.#resolution?.resume?.();
      }
      this.#resolution ??= this.#options.resolver.resolve({
        onAddresses: (addresses) => outsideOfCalls(() => this.#onAddresses(addresses)),
        onError: (error) => outsideOfCalls(() => this.#onResolveError(error)),
      });
      for (const backend of this.#backends.values()) {
        backend.wake();
      }
      this.#hasIdle = false;
    });
  }

  /** For how long nobody has called. */
  get #quietMs(): number {
    return this.#options.clock.now() - this.#calledAt;
  }

  #watchForQuiet(): void {
    this.#quietTimer = this.#options.clock.schedule(QUIET_MS, () => {
      if (this.#quietMs < QUIET_MS) {
        this.#watchForQuiet();
      } else {
        this.#isQuiet = true;
        this.#resolution?.pause?.();
      }
    });
  }

  #onAddresses(addresses: readonly Address[]): void {
    if (this.#isClosed) {
      return;
    }
    this.#resolveError = undefined;
    const wanted = new Map(distinctAddresses(addresses).map((address) => [formatAddress(address), address]));
    const left: Backend[] = [];
    for (const [name, backend] of this.#backends) {
      if (!wanted.has(name)) {
        this.#backends.delete(name);
        left.push(backend);
      }
    }
    const { connect, clock, random, maxConnectionsPerBackend: maxConnections } = this.#options;
    const added: Backend[] = [];
    for (const [name, address] of wanted) {
      if (!this.#backends.has(name)) {
        const backend = new Backend({ address, connect, clock, random, maxConnections }, this);
        this.#backends.set(name, backend);
        added.push(backend);
      }
    }
    this.#health.setMembers(this.#backends.values());
    this.#rebuild();
    for (const backend of added) {
      backend.wake();
    }
    for (const backend of left) {
      this.#leaving.add(backend);
      backend.leave();
      if (backend.isGone) {
        this.#leaving.delete(backend);
      }
    }
    this.#pump();
    this.#failIfHopeless();
  }

  #onResolveError(error: Error): void {
    this.#resolveError = error;
    this.#remember(error.message);
    this.#failIfHopeless();
  }

  /** Has the picker choose among those that are ready and not ejected; an ejected one is better than none. */
  #rebuild(): void {
    const ready = [...this.#backends.values()].filter(({ state }) => state === "ready");
    const well = ready.filter((backend) => !this.#health.isEjected(backend));
    const candidates = well.length > 0 ? well : ready;
    this.#stages.enter(this.#stage(ready.length));
    if (candidates.length === this.#candidates.length && candidates.every((one, at) => one === this.#candidates[at])) {
      return;
    }
    const { balancing, random } = this.#options;
    this.#candidates = candidates;
    this.#picker =
      balancing === "round_robin"
        ? roundRobin(candidates, Math.floor(random() * candidates.length))
        : leastRequest(candidates, random);
  }

  #stage(ready: number): WaitingStage {
    if (ready > 0) {
      return "waiting for a stream slot";
    }
    return this.#backends.size > 0 ? "connecting" : "resolving";
  }

  #someBackend(wanted: Backend["state"]): boolean {
    for (const { state } of this.#backends.values()) {
      if (state === wanted) {
        return true;
      }
    }
    return false;
  }
}

function size({ readyConnections, connectingConnections }: Backend): number {
  return readyConnections + connectingConnections;
}

function copyOf({ rawMessage, code, cause }: ConnectError): ConnectError {
  return new ConnectError(rawMessage, code, undefined, undefined, cause);
}
