import type { Code } from "@connectrpc/connect";
import type { Connection } from "../connections/connection.ts";
import type { Placement } from "../connections/placement.ts";
import type { Backend } from "./backend.ts";

/** Who learns how calls went. */
export interface Judge {
  /** @param heard what the connection had heard of its peer as the call began */
  onCallOver(backend: Backend, connection: Connection, heard: number, code: Code | undefined): void;
}

/** The place of a call on one of a backend's connections, until it is over. */
export class Place implements Placement {
  readonly connection: Connection;
  readonly #backend: Backend;
  readonly #judge: Judge;
  readonly #heard: number;
  #isOver = false;

  constructor(backend: Backend, connection: Connection, judge: Judge) {
    this.#backend = backend;
    this.connection = connection;
    this.#judge = judge;
    this.#heard = connection.heard;
    backend.take();
  }

  get backend(): string {
    return this.#backend.name;
  }

  whenDone(code: Code | undefined): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#backend.release();
      this.#judge.onCallOver(this.#backend, this.connection, this.#heard, code);
    }
  }
}
