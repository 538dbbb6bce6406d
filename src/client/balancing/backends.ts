// Over 300 lines: what becomes of the backends of one target, from the resolver to the picker.
import { Code, ConnectError } from "@connectrpc/connect";
import type { Clock, Timer } from "../../call/clock.ts";
import type { ChannelSight } from "../channel-sight.ts";
import type { Connect } from "../connections/connection.ts";
import { outsideOfCalls } from "../outside-of-calls.ts";
import { addressesProblem, distinctAddresses, formatAddress } from "../resolving/address.ts";
import type { Address, Resolution, Resolver } from "../resolving/resolver.ts";
import { Backend, type BackendOwner } from "./backend.ts";
import { BackendHealth, type BackendHealthOptions } from "./backend-health.ts";
import { leastRequest, type Picker, roundRobin } from "./picker.ts";

export interface BackendsOptions extends BackendHealthOptions {
  /** How errors name the target. */
  readonly origin: string;
  readonly resolver: Resolver;
  readonly connect: Connect;
  readonly clock: Clock;
  /** Numbers from 0 to 1, without 1. */
  readonly random: () => number;
  readonly balancing: "least_request" | "round_robin";
  readonly maxConnectionsPerBackend: number;
  readonly sight: ChannelSight;
}

/** Who calls the backends. */
export interface BackendsOwner {
  /** Somebody waits for one. */
  readonly isAwaited: boolean;
  /** Others can be called than before, or none any more. */
  onChange(): void;
  /** There is, or may be, room for another call at one of the candidates. */
  onRoom(backend: Backend): void;
}

/** Backends of a target that was called in the last so many milliseconds are connected to again without another call. */
const WANTED_MS = 2000;
/** For how long the last failure is told with others. */
const RECENT_MS = 60_000;
/** A target that nobody has called for so long is not resolved again until somebody does. */
const QUIET_MS = 60_000;

/** The backends of a target, as its resolver finds them, and which of them is called next. */
export class Backends implements BackendOwner {
  readonly health: BackendHealth;
  readonly #options: BackendsOptions;
  readonly #owner: BackendsOwner;
  readonly #members = new Map<string, Backend>();
  /** Backends that the target has no longer, whose calls go on. */
  readonly #leaving = new Set<Backend>();
  #candidates: readonly Backend[] = [];
  #picker: Picker<Backend>;
  #resolution: Resolution | undefined;
  #resolveError: Error | undefined;
  #lastError: { readonly what: string; readonly at: number } | undefined;
  #hasIdle = false;
  #isClosed = false;
  #calledAt = Number.NEGATIVE_INFINITY;
  #isQuiet = true;
  #quietTimer: Timer | undefined;

  constructor(options: BackendsOptions, owner: BackendsOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#picker = leastRequest([], options.random);
    this.health = new BackendHealth(options, options.sight, () => {
      this.#rebuild();
      owner.onChange();
    });
  }

  /** All that the target has now. */
  get members(): readonly Backend[] {
    return [...this.#members.values()];
  }

  /** Those that the next call may go to, if they have room: ready, and not ejected if others are. */
  get candidates(): readonly Backend[] {
    return this.#candidates;
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /** The target could not be resolved when that was tried last. */
  get hasNotResolved(): boolean {
    return this.#resolveError !== undefined;
  }

  /** The last failure to resolve or to connect, with its backend and age; undefined where there was none lately. */
  get lastErrorInWords(): string | undefined {
    const { what, at } = this.#lastError ?? {};
    const ageMs = this.#options.clock.now() - (at ?? 0);
    return what === undefined || ageMs > RECENT_MS ? undefined : `${what}, ${Math.round(ageMs)} ms ago`;
  }

  /** No backend can be reached, and none has been found to be tried. */
  get areHopeless(): boolean {
    if (this.#members.size === 0) {
      return this.#resolveError !== undefined;
    }
    for (const { state } of this.#members.values()) {
      if (state !== "failed") {
        return false;
      }
    }
    return true;
  }

  /** Why no backend can be reached; each call has an error of its own. */
  unreachable(): ConnectError {
    for (const { lastError } of this.#members.values()) {
      if (lastError !== undefined) {
        const { rawMessage, code, cause } = lastError;
        return new ConnectError(rawMessage, code, undefined, undefined, cause);
      }
    }
    const why = this.#resolveError?.message ?? "no backend can be reached";
    const message = `${this.#options.origin}: ${why}`;
    return new ConnectError(message, Code.Unavailable, undefined, undefined, this.#resolveError);
  }

  /** Somebody calls: what rests is begun. */
  onCall(): void {
    this.#calledAt = this.#options.clock.now();
    if (this.#isQuiet || this.#hasIdle) {
      this.#wake();
    }
  }

  /**
   * The backend for the next call; undefined where none has room.
   *
   * @param avoid the name of one that is better avoided
   */
  pick(avoid: string | undefined): Backend | undefined {
    return this.#picker.pick(avoid === undefined ? undefined : this.#members.get(avoid));
  }

  /** See {@link Backend.renew}. */
  renew(withinMs: number): void {
    for (const backend of [...this.#members.values(), ...this.#leaving]) {
      backend.renew(withinMs);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#isQuiet = true;
    this.#quietTimer?.cancel();
    this.#resolution?.close();
    this.health.close();
    for (const backend of [...this.#members.values(), ...this.#leaving]) {
      backend.close("the channel was closed");
    }
  }

  // What becomes of each (BackendOwner).

  isWanted(): boolean {
    return !this.#isClosed && (this.#owner.isAwaited || this.#quietMs < WANTED_MS);
  }

  onChange(backend: Backend): void {
    if (backend.isGone) {
      this.#leaving.delete(backend);
    }
    this.#rebuild();
    this.#hasIdle = this.#members.values().some(({ state }) => state === "idle");
    if (this.#hasIdle && this.#owner.isAwaited) {
      this.#wake();
    }
    this.#owner.onChange();
  }

  onRoom(backend: Backend): void {
    if (this.#candidates.includes(backend)) {
      this.#owner.onRoom(backend);
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

  // What the target consists of.

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
      this.#hasIdle = false;
      for (const backend of this.#members.values()) {
        backend.wake();
      }
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
    const problem = addressesProblem(addresses);
    if (problem !== undefined) {
      this.#onResolveError(new Error(problem));
      return;
    }
    this.#resolveError = undefined;
    const wanted = new Map(distinctAddresses(addresses).map((address) => [formatAddress(address), address]));
    const left = [...this.#members.values()].filter(({ name }) => !wanted.has(name));
    for (const backend of left) {
      this.#members.delete(backend.name);
      this.#leaving.add(backend);
    }
    const { connect, clock, random, maxConnectionsPerBackend: maxConnections } = this.#options;
    for (const [name, address] of wanted) {
      if (!this.#members.has(name)) {
        this.#members.set(name, new Backend({ address, connect, clock, random, maxConnections }, this));
      }
    }
    this.health.setMembers(this.#members.values());
    this.#rebuild();
    for (const backend of this.#members.values()) {
      backend.wake();
    }
    for (const backend of left) {
      backend.leave();
      if (backend.isGone) {
        this.#leaving.delete(backend);
      }
    }
    this.#owner.onChange();
  }

  #onResolveError(error: Error): void {
    this.#resolveError = error;
    this.#remember(error.message);
    this.#owner.onChange();
  }

  #remember(what: string): void {
    this.#lastError = { what, at: this.#options.clock.now() };
  }

  /** Has the picker choose among those that are ready and not ejected; an ejected one is better than none. */
  #rebuild(): void {
    const ready = [...this.#members.values()].filter(({ state }) => state === "ready");
    const well = ready.filter((backend) => !this.health.isEjected(backend));
    const candidates = well.length > 0 ? well : ready;
    const known = this.#candidates;
    if (candidates.length === known.length && candidates.every((one, at) => one === known[at])) {
      return;
    }
    const { balancing, random } = this.#options;
    this.#candidates = candidates;
    this.#picker =
      balancing === "round_robin"
        ? roundRobin(candidates, Math.floor(random() * candidates.length))
        : leastRequest(candidates, random);
  }
}
