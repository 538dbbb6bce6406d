import type { Code } from "@connectrpc/connect";
import type { Connection } from "../connections/connection.ts";
import type { Placement } from "../connections/placement.ts";
import type { Backend } from "./backend.ts";

/** Who learns how calls went. */
export interface Judge {
  now(): number;
  onCallOver(place: Place, code: Code | undefined): void;
}

/** The place of a call on one of a backend's connections, until it is over. */
export class Place implements Placement {
  readonly connection: Connection;
  /** What the connection had heard of its peer as the call began. */
  readonly heard: number;
  /** When the call began there, by the judge's clock. */
  readonly since: number;
  readonly at: Backend;
  readonly #judge: Judge;
  #hasLeft = false;
  #isOver = false;

  constructor(backend: Backend, connection: Connection, judge: Judge) {
    this.at = backend;
    this.connection = connection;
    this.#judge = judge;
    this.heard = connection.heard;
    this.since = judge.now();
    backend.take();
  }

  get backend(): string {
    return this.at.name;
  }

  leave(): void {
    if (!this.#hasLeft) {
      this.#hasLeft = true;
      this.at.release();
    }
  }

  whenDone(code: Code | undefined): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.leave();
      this.#judge.onCallOver(this, code);
    }
  }
}
