// Over 300 lines: a backend's life, from the first attempt to connect to the last connection that ends.
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock, Timer } from "../../call/clock.ts";
import { type Backoff, backoffMs } from "../attempts/backoff.ts";
import type { Connect, Connection, ConnectionListener } from "../connections/connection.ts";
import { formatAddress } from "../resolving/address.ts";
import type { Address } from "../resolving/resolver.ts";
import type { Pickable } from "./picker.ts";

export interface BackendOptions {
  readonly address: Address;
  readonly connect: Connect;
  readonly clock: Clock;
  /** Numbers from 0 to 1, without 1. */
  readonly random: () => number;
  readonly maxConnections: number;
}

/** Who a backend is part of. */
export interface BackendOwner {
  /** Somebody calls the target: connections that were lost are worth making again. */
  isWanted(): boolean;
  /** It takes calls now, takes none any more, or has failed. */
  onChange(backend: Backend): void;
  /** There is, or may be, room for another call. */
  onRoom(backend: Backend): void;
  onConnecting(backend: Backend): void;
  /** @param tookMs what connecting took */
  onReady(backend: Backend, tookMs: number): void;
  onFailure(backend: Backend, error: ConnectError): void;
  /** A connection takes no further calls. `reason` where the peer said so. */
  onDraining(backend: Backend, reason: string | undefined): void;
}

/**
 * `idle`: not connected, the next call connects; `connecting`; `ready`; `failed`: no connection could be made, and another
 * one is being tried, or soon will be; `draining`: it takes no further calls, and those that it has go on.
 */
export type BackendState = "idle" | "connecting" | "ready" | "failed" | "draining";

const RECONNECT: Backoff = { initialMs: 50, maxMs: 800, multiplier: 2 };
/** A connection that was ready for less is taken for a failure: a peer may accept and hang up again and again. */
const SHORT_LIFE_MS = 1000;
/** How many short lives in a row have calls fail, instead of having them wait for the next connection. */
const MAX_SHORT_LIVES = 3;
/** After this, and up to as much again by chance, another attempt is made beside one that gets nowhere: what holds that one
 * up (a handshake, a full backlog) may be over, and its connection may never know. */
const STALL_MS = 400;

/** One address of a target: its connections, and how it comes to new ones. */
export class Backend implements Pickable {
  /** As in `127.0.0.1:50051`. */
  readonly name: string;
  readonly #options: BackendOptions;
  readonly #owner: BackendOwner;
  /** In the order in which they became ready, which is that in which they are filled. */
  readonly #ready: Connection[] = [];
  readonly #readySince = new Map<Connection, number>();
  /** With the time at which each was begun. */
  readonly #connecting = new Map<Connection, number>();
  /** Those of `#connecting` that are wanted beside others, and not instead of them. */
  readonly #growing = new Set<Connection>();
  readonly #draining = new Set<Connection>();
  /** Those that give way as soon as there is another. */
  #old: ReadonlySet<Connection> = new Set();
  readonly #renewals = new Set<Timer>();
  #placed = 0;
  /** Failures since a connection was ready for a while. */
  #failures = 0;
  #hasFailed = false;
  #isLeaving = false;
  /** Until then no connection is begun. */
  #rest: Timer | undefined;
  #stall: Timer | undefined;
  #lastError: ConnectError | undefined;
  #maxCalls = 0;

  constructor(options: BackendOptions, owner: BackendOwner) {
    this.#options = options;
    this.#owner = owner;
    this.name = formatAddress(options.address);
  }

  get state(): BackendState {
    if (this.#isLeaving) {
      return "draining";
    }
    if (this.#ready.length > 0) {
      return "ready";
    }
    if (this.#hasFailed) {
      return "failed";
    }
    return this.#connecting.size > 0 || this.#rest !== undefined ? "connecting" : "idle";
  }

  /** Calls that were placed here and are not over. */
  get activeCalls(): number {
    return this.#placed;
  }

  get hasRoom(): boolean {
    return this.roomyConnection() !== undefined;
  }

  /** How many calls one connection takes at once, as far as its peer has said. */
  get maxCallsPerConnection(): number {
    return this.#ready[0]?.maxCalls ?? this.#maxCalls;
  }

  get readyConnections(): number {
    return this.#ready.length;
  }

  get connectingConnections(): number {
    return this.#connecting.size;
  }

  /** Those of them that may be ready soon; the others get nowhere. */
  get promisingConnections(): number {
    const since = this.#options.clock.now() - STALL_MS;
    return this.#connecting.values().reduce((count, startedAt) => count + (startedAt >= since ? 1 : 0), 0);
  }

  get lastError(): ConnectError | undefined {
    return this.#lastError;
  }

  /** Nothing is left of it. */
  get isGone(): boolean {
    return this.#connecting.size + this.#ready.length + this.#draining.size === 0;
  }

  /** The connection for the next call: one after the other is filled, so that those that are not needed fall idle. */
  roomyConnection(): Connection | undefined {
    for (let index = 0; index < this.#ready.length; index++) {
      const connection = this.#ready[index] as Connection; // within the array
      if (connection.room > 0) {
        return connection;
      }
    }
    return undefined;
  }

  /** A call is placed here. */
  take(): void {
    this.#placed++;
  }

  /** A call that was placed here is over. */
  release(): void {
    this.#placed--;
  }

  /** Connects, unless it is or does so already. */
  wake(): void {
    if (this.state === "idle") {
      this.#begin();
    }
  }

  /** Whether another connection beside those that it has may be made. */
  get canGrow(): boolean {
    const { length } = this.#ready;
    return length > 0 && length + this.#connecting.size < this.#options.maxConnections && this.#rest === undefined;
  }

  /** Makes another connection. To be called only while {@link canGrow}. */
  grow(): void {
    this.#growing.add(this.#begin(true));
  }

  /**
   * The connections that there are were made with what is shown no longer: at a moment by chance another one is made, which
   * they give way to, and those that still have calls at the end of the time are closed.
   */
  renew(withinMs: number): void {
    const old = new Set([...this.#connecting.keys(), ...this.#ready, ...this.#draining]);
    this.#renewSoon((withinMs / 2) * this.#options.random(), () => {
      this.#old = new Set(
        [...this.#connecting.keys(), ...this.#ready].filter((one) => old.has(one) || this.#old.has(one)),
      );
      this.#giveWay();
    });
    this.#renewSoon(withinMs, () => {
      for (const connection of old) {
        connection.close("it was made under a certificate that was renewed");
      }
    });
  }

  #renewSoon(delayMs: number, act: () => void): void {
    const timer = this.#options.clock.schedule(delayMs, () => {
      this.#renewals.delete(timer);
      act();
    });
    this.#renewals.add(timer);
  }

  /** Where calls are under way, another connection is ready before those go that are to be replaced. */
  #giveWay(): void {
    const isOld = (connection: Connection) => this.#old.has(connection);
    if (!this.#ready.some(isOld)) {
      return;
    }
    if (this.#ready.every(isOld) && this.#placed > 0) {
      if (this.#rest !== undefined || [...this.#connecting.keys()].some((connection) => !isOld(connection))) {
        return; // until that is over
      }
      this.#growing.add(this.#begin()); // which stays, unlike one that is made for a crowd; for a moment there is one more
      return;
    }
    for (const connection of this.#ready.filter(isOld)) {
      connection.drain();
    }
  }

  /** The target has it no longer: no further calls; those that it has go on. */
  leave(): void {
    this.#isLeaving = true;
    this.#stopTimers();
    this.#closeConnecting("the backend was removed");
    for (const connection of [...this.#ready]) {
      connection.drain();
    }
    this.#onEndOfSome();
  }

  /** Ends it and its calls at once. */
  close(reason: string): void {
    this.#isLeaving = true;
    this.#stopTimers();
    this.#closeConnecting(reason);
    for (const connection of [...this.#ready, ...this.#draining]) {
      connection.close(reason);
    }
    this.#stopRenewals();
  }

  #begin(isFurther = false): Connection {
    const startedAt = this.#options.clock.now();
    let connection: Connection | undefined;
    const listener: ConnectionListener = {
      onReady: () => this.#onReady(connection as Connection, startedAt), // nothing is ready before it is there
      onRoom: () => this.#owner.onRoom(this),
      onDraining: (reason) => this.#onDraining(connection as Connection, reason),
      onClosed: (error) => this.#onClosed(connection as Connection, error),
    };
    connection = this.#options.connect(this.#options.address, listener, isFurther);
    this.#connecting.set(connection, startedAt);
    this.#armStall();
    this.#owner.onConnecting(this);
    return connection;
  }

  #armStall(): void {
    const { clock, random } = this.#options;
    this.#stall ??= clock.schedule(STALL_MS * (1 + random()), () => {
      this.#stall = undefined;
      if (this.#connecting.size === 0) {
        return;
      }
      if (this.#ready.length > 0) {
        this.#armStall();
        this.#owner.onChange(this); // others may be tried
      } else if (this.#owner.isWanted()) {
        this.#begin();
      } else {
        this.#closeConnecting("nobody waits for it any more"); // it would keep the process alive
        this.#hasFailed = false;
        this.#owner.onChange(this);
      }
    });
  }

  #onReady(connection: Connection, startedAt: number): void {
    this.#connecting.delete(connection);
    this.#growing.delete(connection);
    const now = this.#options.clock.now();
    this.#ready.push(connection);
    this.#readySince.set(connection, now);
    this.#maxCalls = connection.maxCalls;
    this.#hasFailed = false;
    for (const slower of [...this.#connecting.keys()]) {
      if (!this.#growing.has(slower)) {
        this.#connecting.delete(slower);
        slower.close("another connection was ready before it");
      }
    }
    this.#owner.onReady(this, now - startedAt);
    this.#owner.onChange(this);
    this.#giveWay();
  }

  #onDraining(connection: Connection, reason: string | undefined): void {
    const wasReady = this.#forget(connection);
    this.#draining.add(connection);
    if (reason !== undefined) {
      this.#lastError = new ConnectError(`the peer at ${this.name} takes no more calls: ${reason}`, Code.Unavailable);
    }
    this.#owner.onDraining(this, reason);
    if (wasReady) {
      this.#onLoss(connection, reason === undefined ? "done" : "leaving");
    } else {
      this.#onFailure();
    }
  }

  #onClosed(connection: Connection, error: ConnectError): void {
    if (this.#draining.delete(connection)) {
      this.#onEndOfSome();
      this.#owner.onChange(this);
      return;
    }
    const isKnown = this.#connecting.has(connection) || this.#readySince.has(connection);
    if (!isKnown) {
      return; // it lost a race, or was closed here
    }
    this.#lastError = error;
    if (!this.#isLeaving) {
      this.#owner.onFailure(this, error);
    }
    if (this.#forget(connection)) {
      this.#onLoss(connection, "lost");
    } else {
      this.#onFailure();
    }
  }

  /** @returns whether it was ready */
  #forget(connection: Connection): boolean {
    this.#connecting.delete(connection);
    this.#growing.delete(connection);
    const index = this.#ready.indexOf(connection);
    if (index !== -1) {
      this.#ready.splice(index, 1);
    }
    return index !== -1;
  }

  /** A connection that was ready takes no more calls: it was lost, its peer leaves, or it has done what it was made for. */
  #onLoss(connection: Connection, how: "lost" | "leaving" | "done"): void {
    const now = this.#options.clock.now();
    const lived = now - (this.#readySince.get(connection) ?? now);
    this.#readySince.delete(connection);
    this.#failures = how !== "done" && lived < SHORT_LIFE_MS ? this.#failures + 1 : 0;
    if (this.#ready.length === 0 && this.#connecting.size === 0 && !this.#isLeaving) {
      this.#hasFailed = this.#failures > MAX_SHORT_LIVES;
      if (how === "lost" || this.#failures > 1) {
        this.#restThenConnect();
      } else if (this.#owner.isWanted()) {
        this.#begin();
      }
    }
    this.#owner.onChange(this);
  }

  /** A connection could not be made. */
  #onFailure(): void {
    if (this.#isLeaving) {
      return;
    }
    this.#failures++;
    this.#hasFailed = this.#ready.length === 0;
    if (this.#connecting.size === 0) {
      this.#restThenConnect();
    }
    this.#owner.onChange(this);
  }

  #restThenConnect(): void {
    const { clock, random } = this.#options;
    this.#rest?.cancel();
    this.#rest = clock.schedule(backoffMs(Math.max(0, this.#failures - 1), RECONNECT, random), () => {
      this.#rest = undefined;
      if (this.#ready.length > 0) {
        this.#giveWay();
        this.#owner.onChange(this); // it may grow again
        return;
      }
      if (this.#owner.isWanted()) {
        this.#begin();
      } else {
        this.#hasFailed = false; // the next call finds out by itself
      }
      this.#owner.onChange(this);
    });
  }

  /** What has left waits for no renewal once nothing is left of it. */
  #onEndOfSome(): void {
    if (this.#isLeaving && this.isGone) {
      this.#stopRenewals();
    }
  }

  #stopRenewals(): void {
    for (const timer of this.#renewals) {
      timer.cancel();
    }
  }

  #closeConnecting(reason: string): void {
    const connecting = [...this.#connecting.keys()];
    this.#connecting.clear();
    this.#growing.clear();
    for (const connection of connecting) {
      connection.close(reason);
    }
  }

  #stopTimers(): void {
    this.#rest?.cancel();
    this.#stall?.cancel();
    this.#rest = undefined;
    this.#stall = undefined;
  }
}
