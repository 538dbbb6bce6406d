// Not the global one: who fakes timers for a while would stop ours for good.
import { setImmediate } from "node:timers";
import { Code, ConnectError } from "@connectrpc/connect";
import { channelClosed } from "../connections/channel-closed.ts";
import type { Connection } from "../connections/connection.ts";
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
import { StayAlive } from "../stay-alive.ts";
import type { Backend } from "./backend.ts";
import { Backends, type BackendsOptions, type BackendsOwner } from "./backends.ts";
import { Place } from "./place.ts";
import { StageClock } from "./stage-clock.ts";
import { WaitingLine } from "./waiting-line.ts";
import { WaitingRequest } from "./waiting-request.ts";

export interface BalancerOptions extends BackendsOptions {
  /** Calls that may wait for a connection. */
  readonly maxWaiting: number;
}

/** A target with all its backends: every request goes to one of them, or waits until it can. */
export class Balancer implements HttpTarget, BackendsOwner {
  readonly backends: Backends;
  readonly #options: BalancerOptions;
  readonly #line = new WaitingLine<WaitingRequest>();
  readonly #stages: StageClock;
  readonly #stayAlive = new StayAlive();
  /** Those in the line that do not wait where no backend can be reached. */
  #impatient = 0;
  #isPumping = false;
  #isGrowing = false;
  #isClosed = false;

  constructor(options: BalancerOptions) {
    const { clock } = options;
    this.#options = { ...options, clock: clockOutsideOfCalls(clock) };
    this.#stages = new StageClock(() => clock.now());
    this.backends = new Backends(this.#options, this);
  }

  get origin(): string {
    return this.#options.origin;
  }

  get waiting(): number {
    return this.#line.size;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  request(
    head: RequestHead,
    body: Uint8Array | null | undefined,
    listener: AnswerListener,
    wish: PlacementWish = NO_WISH,
  ): HttpRequest {
    this.backends.onCall();
    if (this.#line.size === 0) {
      const backend = this.backends.pick(wish.avoid?.backend);
      if (backend !== undefined) {
        return this.#begin(backend, head, body, listener);
      }
    }
    return this.#wait(head, body, listener, wish);
  }

  /** Connections that there are give way to others, and are gone within a time in milliseconds. */
  renew(withinMs: number): void {
    this.backends.renew(withinMs);
  }

  close(): void {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.backends.close();
    const message = `the channel to ${this.origin} was closed`;
    this.#failWaiting(
      () => true,
      () => new ConnectError(message, Code.Unavailable),
    );
  }

  // What becomes of the backends (BackendsOwner).

  get isAwaited(): boolean {
    return this.#line.size > 0;
  }

  onChange(): void {
    this.#stages.enter(this.#stage());
    if (this.#line.size > 0) {
      this.#pump();
      if (this.#impatient > 0 && this.backends.areHopeless) {
        this.#failWaiting(
          ({ wish }) => !wish.waitForReady,
          () => this.backends.unreachable(),
        );
      }
    }
  }

  onRoom(backend: Backend): void {
    if (this.#line.size > 0 && !this.#isPumping) {
      this.#isPumping = true; // a request that cannot be begun ends at once, and comes back here
      while (this.#line.size > 0 && backend.hasRoom) {
        this.#place(backend);
      }
      this.#isPumping = false;
      this.#growSoon();
    }
  }

  #stage(): WaitingStage {
    if (this.backends.candidates.length > 0) {
      return "waiting for a stream slot";
    }
    return this.backends.isEmpty ? "resolving" : "connecting";
  }

  // Requests that can be placed.

  #begin(
    backend: Backend,
    head: RequestHead,
    body: Uint8Array | null | undefined,
    listener: AnswerListener,
  ): HttpRequest {
    const connection = backend.roomyConnection() as Connection; // it was picked for having room
    listener.onPlaced?.(new Place(backend, connection, this.backends.health));
    return connection.request(head, body, listener);
  }

  /** Places who waits, as far as there is room. */
  #pump(): void {
    if (this.#isPumping) {
      return;
    }
    this.#isPumping = true; // as above
    while (this.#line.size > 0) {
      const backend = this.backends.pick(undefined);
      if (backend === undefined) {
        break;
      }
      this.#place(backend);
    }
    this.#isPumping = false;
    this.#growSoon();
  }

  /** Gives the place that a backend has to whoever has waited longest. */
  #place(backend: Backend): void {
    const next = this.#takeWaiting();
    next?.start(() => this.#begin(backend, next.head, next.body, next.listener));
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
    if (!wish.waitForReady && this.backends.areHopeless) {
      throw this.backends.unreachable();
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
      this.#onLeft(withdrawn);
    });
    this.#addWaiting(request);
    this.#growSoon();
    return request;
  }

  #addWaiting(request: WaitingRequest): void {
    this.#line.add(request);
    this.#stayAlive.begin();
    this.#impatient += request.wish.waitForReady ? 0 : 1;
  }

  #takeWaiting(): WaitingRequest | undefined {
    const next = this.#line.take();
    if (next !== undefined) {
      this.#onLeft(next);
    }
    return next;
  }

  #onLeft({ wish }: WaitingRequest): void {
    this.#stayAlive.end();
    this.#impatient -= wish.waitForReady ? 0 : 1;
  }

  /** @param error each call has one of its own */
  #failWaiting(isMeant: (request: WaitingRequest) => boolean, error: () => ConnectError): void {
    const spared: WaitingRequest[] = [];
    const failed: WaitingRequest[] = [];
    for (let next = this.#takeWaiting(); next !== undefined; next = this.#takeWaiting()) {
      (isMeant(next) ? failed : spared).push(next);
    }
    for (const request of spared) {
      this.#addWaiting(request);
    }
    for (const request of failed) {
      request.fail(error());
    }
  }

  /** Behind the turn: many calls may come in one. */
  #growSoon(): void {
    if (!this.#isGrowing && this.#line.size > 0) {
      this.#isGrowing = true;
      outsideOfCalls(() =>
        setImmediate(() => {
          this.#isGrowing = false;
          this.#grow();
        }),
      );
    }
  }

  /** Makes further connections, as many as those that wait have use for, where the peers' limits are what they wait for. */
  #grow(): void {
    let lacking = this.#line.size;
    for (const { promisingConnections, maxCallsPerConnection } of this.backends.candidates) {
      lacking -= promisingConnections === 0 ? 0 : promisingConnections * maxCallsPerConnection;
    }
    while (lacking > 0) {
      const smallest = smallestToGrow(this.backends.candidates);
      if (smallest === undefined) {
        return;
      }
      lacking -= smallest.maxCallsPerConnection;
      smallest.grow();
    }
  }
}

/** The backend with the fewest connections among those that may have another one, and whose peer takes calls at all. */
function smallestToGrow(backends: readonly Backend[]): Backend | undefined {
  let smallest: Backend | undefined;
  for (const backend of backends) {
    if (
      backend.canGrow &&
      backend.maxCallsPerConnection > 0 &&
      (smallest === undefined || size(backend) < size(smallest))
    ) {
      smallest = backend;
    }
  }
  return smallest;
}

function size({ readyConnections, connectingConnections }: Backend): number {
  return readyConnections + connectingConnections;
}
