import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { VirtualClock } from "./virtual-clock.ts";

/** Between the two ends, in milliseconds. */
const LATENCY_MS = 0.5;

/** What becomes of bytes: they arrive, are lost for good, or wait until they pass again. */
export type Treatment = "pass" | "swallow" | "hold";

/** One end of a link: as much of a socket as connections use. */
class MemorySocket extends Duplex {
  connecting = true;
  bytesRead = 0;
  readonly #send: (what: Buffer | "end" | "reset") => void;

  constructor(send: (what: Buffer | "end" | "reset") => void) {
    super({ allowHalfOpen: false });
    this.#send = send;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  destroySoon(): void {
    this.end(() => this.destroy());
  }

  arrive(what: Buffer | "end" | "reset"): void {
    if (this.destroyed) return;
    if (what === "reset") {
      this.destroy(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
    } else if (what === "end") {
      this.push(null);
    } else {
      this.bytesRead += what.length;
      this.push(what);
    }
  }

  override _read(): void {
    // what comes is pushed
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#send(Buffer.from(chunk)); // a copy, as a socket makes one
    done();
  }

  override _final(done: () => void): void {
    this.#send("end");
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#send("end");
    done(error);
  }
}

/** A link in memory, on virtual time, and all that can be wrong with it. */
export interface MemoryLink {
  readonly client: Socket;
  readonly server: Socket;
  /** The client has not ended its side. */
  readonly isOpen: boolean;
  /** What becomes of bytes on their way to the client. Default: they pass. */
  toClient: Treatment;
  toServer: Treatment;
  /** Lets through what was held. */
  release(): void;
  /** The client's connection is there; `isReady` is its to know. */
  establish(): void;
  refuse(): void;
  /** Both ends have it that the other has reset the connection. */
  reset(): void;
  /** The server sends nothing any more, and says so. */
  halfClose(): void;
  /** Resets the connection after so many more bytes to the client. */
  cutAfter(bytes: number): void;
  /** Writes to the client what the server has not written. */
  inject(bytes: Buffer): void;
}

export function createLink(clock: VirtualClock, onReady: () => void): MemoryLink {
  const held: (() => void)[] = [];
  let cutAt = Number.POSITIVE_INFINITY;

  function deliver(to: () => MemorySocket, treatment: () => Treatment, what: Buffer | "end" | "reset"): void {
    clock.schedule(LATENCY_MS, () => {
      const arrive = () => to().arrive(what);
      if (treatment() === "pass" && held.length === 0) arrive();
      else if (treatment() !== "swallow") held.push(arrive);
    });
  }

  const client: MemorySocket = new MemorySocket((what) => {
    if (!client.connecting)
      deliver(
        () => server,
        () => link.toServer,
        what,
      );
  });
  const server: MemorySocket = new MemorySocket((what) => {
    if (!Buffer.isBuffer(what) || what.length < cutAt) {
      if (Buffer.isBuffer(what)) cutAt -= what.length;
      deliver(
        () => client,
        () => link.toClient,
        what,
      );
    } else if (cutAt >= 0) {
      deliver(
        () => client,
        () => link.toClient,
        what.subarray(0, cutAt),
      );
      cutAt = -1;
      clock.schedule(LATENCY_MS, () => link.reset());
    }
  });
  server.on("error", () => undefined);
  const link: MemoryLink = {
    client: client as unknown as Socket, // as much of one as is used
    server: server as unknown as Socket,
    get isOpen() {
      return !client.destroyed && !client.writableEnded;
    },
    toClient: "pass",
    toServer: "pass",
    release() {
      link.toClient = "pass";
      link.toServer = "pass";
      for (const arrive of held.splice(0)) arrive();
    },
    establish() {
      if (!client.destroyed) {
        client.connecting = false;
        onReady();
      }
    },
    refuse: () => void client.destroy(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })),
    reset() {
      client.arrive("reset");
      server.arrive("reset");
    },
    halfClose: () => void server.end(),
    cutAfter(bytes) {
      cutAt = bytes;
    },
    inject: (bytes) =>
      deliver(
        () => client,
        () => link.toClient,
        bytes,
      ),
  };
  return link;
}
