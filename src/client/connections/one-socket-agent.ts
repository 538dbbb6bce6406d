import { Agent } from "node:http";
import type { Socket } from "node:net";

/** Has node:http send one request after the other over a socket that is connected already. */
export class OneSocketAgent extends Agent {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#socket = socket;
  }

  override createConnection(): Socket {
    return this.#socket;
  }
}
