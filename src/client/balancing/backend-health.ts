import { Code } from "@connectrpc/connect";
import type { Clock, Timer } from "../../call/clock.ts";
import type { ChannelSight } from "../channel-sight.ts";
import type { Connection } from "../connections/connection.ts";
import type { Backend } from "./backend.ts";
import { type EjectionOptions, OutlierEjection } from "./ejection.ts";
import type { Judge, Place } from "./place.ts";

export interface BackendHealthOptions {
  readonly clock: Clock;
  /** Undefined: no backend is ever ejected. */
  readonly ejection: EjectionOptions | undefined;
  /** Asks a backend over a connection whether it is well; true where it cannot say. Must not reject. */
  readonly checkHealth: (connection: Connection) => Promise<boolean>;
}

/** How long a connection that was silent for a whole call has to answer whether it is there. */
const SIGN_OF_LIFE_MS = 1000;

/** In less a backend need not have answered. */
const FAIR_MS = 100;

/** What a backend has done wrong, and not its caller. One that says it is overloaded is no better off with its calls at others. */
const FAILURES: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** Judges backends and connections by how the calls go that are placed on them. */
export class BackendHealth implements Judge {
  readonly #options: BackendHealthOptions;
  readonly #sight: ChannelSight;
  readonly #onChange: () => void;
  readonly #ejection: OutlierEjection<Backend> | undefined;
  /** Until when ejected backends are not looked at again. */
  readonly #timers = new Map<Backend, Timer>();
  /** Connections that have to give a sign of life. */
  readonly #asked = new Map<Connection, Timer>();
  #isClosed = false;

  /** @param onChange a backend was ejected, or is back */
  constructor(options: BackendHealthOptions, sight: ChannelSight, onChange: () => void) {
    this.#options = options;
    this.#sight = sight;
    this.#onChange = onChange;
    this.#ejection =
      options.ejection === undefined ? undefined : new OutlierEjection(options.ejection, () => options.clock.now());
  }

  isEjected(backend: Backend): boolean {
    return this.#ejection?.isEjected(backend) === true;
  }

  setMembers(backends: Iterable<Backend>): void {
    const members = [...backends];
    for (const [backend, timer] of this.#timers) {
      if (!members.includes(backend)) {
        timer.cancel();
        this.#timers.delete(backend);
      }
    }
    for (const backend of this.#ejection?.setMembers(members) ?? []) {
      this.#timers.get(backend)?.cancel();
      this.#timers.delete(backend);
      this.#sight.tell("readmit", { backend: backend.name });
    }
  }

  now(): number {
    return this.#options.clock.now();
  }

  onCallOver({ at, connection, heard, since }: Place, code: Code | undefined): void {
    if (this.#isClosed) {
      return;
    }
    const isDeadline = code === Code.DeadlineExceeded;
    const tookMs = isDeadline || code === Code.Canceled ? this.now() - since : 0;
    if (connection.heard === heard && (isDeadline || tookMs >= FAIR_MS)) {
      this.#askForSignOfLife(at, connection);
    }
    // A connection that was lost shows in the backend's state; and nothing is said by a caller that has lost interest, or
    // gave next to no time.
    const isLost = code === Code.Unavailable && connection.isOver;
    if (isLost || code === Code.Canceled || (isDeadline && tookMs < FAIR_MS)) {
      return;
    }
    const forMs = this.#ejection?.onOutcome(at, code !== undefined && FAILURES.has(code));
    if (forMs !== undefined) {
      this.#onEjected(at, forMs);
      this.#onChange();
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of [...this.#timers.values(), ...this.#asked.values()]) {
      timer.cancel();
    }
    this.#timers.clear();
    this.#asked.clear();
  }

  /** A peer that has said nothing for a whole call may be gone without a word: no further calls, unless it answers. */
  #askForSignOfLife(backend: Backend, connection: Connection): void {
    if (this.#asked.has(connection) || connection.state !== "ready") {
      return;
    }
    const { heard } = connection;
    connection.ping();
    const timer = this.#options.clock.schedule(SIGN_OF_LIFE_MS, () => {
      this.#asked.delete(connection);
      if (connection.heard === heard && connection.state === "ready") {
        this.#sight.tell("silent", { backend: backend.name });
        connection.drain();
      }
    });
    this.#asked.set(connection, timer);
  }

  #onEjected(backend: Backend, forMs: number): void {
    this.#sight.tell("eject", { backend: backend.name, forMs });
    this.#timers.set(
      backend,
      this.#options.clock.schedule(forMs, () => void this.#reconsider(backend)),
    );
  }

  /** The time of an ejection is over: the backend is back, unless it says itself that it is not well. */
  async #reconsider(backend: Backend): Promise<void> {
    this.#timers.delete(backend);
    const connection = backend.roomyConnection();
    const isWell = connection === undefined || (await this.#options.checkHealth(connection));
    if (this.#isClosed || !this.isEjected(backend)) {
      return;
    }
    if (isWell) {
      this.#ejection?.readmit(backend);
      this.#sight.tell("readmit", { backend: backend.name });
      this.#onChange();
    } else {
      const forMs = this.#ejection?.extend(backend);
      if (forMs !== undefined) {
        this.#onEjected(backend, forMs);
      }
    }
  }
}
