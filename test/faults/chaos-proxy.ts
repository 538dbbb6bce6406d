import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * What a proxy does with bytes: `pass` them on; `swallow` them, so that both sides stay connected and nothing comes; `hold`
 * them back until they pass again.
 */
export type Treatment = "pass" | "swallow" | "hold";

/** What stands between a client and a backend, and does what networks do. Disposing it cuts every connection. */
export interface ChaosProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections that were accepted so far. */
  readonly accepted: number;
  /** Bytes that went nowhere so far, and those that were held back. */
  readonly withheld: number;
  /** Treats connections that are there in this way from now on. */
  treat(treatment: Treatment): void;
  /** Treats connections in this way that are yet to come. */
  treatNew(treatment: Treatment): void;
  /** Ends the client's side of each connection, and swallows what the client goes on to send. */
  halfClose(): void;
  /** Resets each connection after so many further bytes of the backend's, new ones too, until told undefined. */
  cutAfter(bytes: number | undefined): void;
  /** Resets every connection, on both sides. */
  reset(): void;
  /** Resets every connection, and listens no more. */
  shut(): Promise<void>;
  /** Listens again, on the same port. */
  reopen(): Promise<void>;
}

export interface ChaosProxyOptions {
  readonly address?: string;
  /** Where it listens. Default: a free port. */
  readonly port?: number;
  /** Where it leads. */
  readonly to: { readonly address?: string; readonly port: number };
  /** How many connections may wait to be accepted. Default: Node's. */
  readonly backlog?: number;
}

/** One connection, as two sockets. */
interface Link {
  readonly near: Socket;
  readonly far: Socket;
  treatment: Treatment;
  /** Bytes of the backend's that may still pass. */
  left: number;
}

export async function startChaosProxy(options: ChaosProxyOptions): Promise<ChaosProxy> {
  const { address = "127.0.0.1", to, backlog = 511 } = options;
  const links = new Set<Link>();
  let [accepted, withheld] = [0, 0];
  let treatmentOfNew: Treatment = "pass";
  let cutting: number | undefined;
  let server: Server = await listen(options.port ?? 0);
  const { port } = server.address() as AddressInfo; // it listens on TCP

  async function listen(onPort: number): Promise<Server> {
    const made = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
      const far = connect({ host: to.address ?? "127.0.0.1", port: to.port, allowHalfOpen: true, noDelay: true });
      const link: Link = { near, far, treatment: treatmentOfNew, left: cutting ?? Number.POSITIVE_INFINITY };
      accepted++;
      links.add(link);
      lead(link, near, far);
      lead(link, far, near);
      apply(link);
    });
    made.listen({ host: address, port: onPort, backlog });
    await once(made, "listening");
    return made;
  }

  function lead(link: Link, from: Socket, to: Socket): void {
    from.on("data", (chunk: Buffer) => {
      if (link.treatment !== "pass") {
        withheld += chunk.length;
        return;
      }
      const passing = from === link.far ? chunk.subarray(0, link.left) : chunk;
      if (from === link.far) link.left -= chunk.length;
      if (!to.destroyed) to.write(passing, () => link.left <= 0 && cut(link));
    });
    from.on("end", () => {
      if (link.treatment === "pass") to.end();
    });
    from.on("error", () => cut(link));
    from.on("close", () => {
      // What is withheld is also that the other side is gone.
      if (link.treatment === "pass") to.destroySoon();
      if (link.near.destroyed) link.far.destroy();
      if (link.near.destroyed && link.far.destroyed) links.delete(link);
    });
  }

  /** Bytes that are held back wait in the sockets, so that nobody can write without end. */
  function apply({ near, far, treatment }: Link): void {
    for (const socket of [near, far]) treatment === "hold" ? socket.pause() : socket.resume();
  }

  function cut({ near, far }: Link): void {
    near.resetAndDestroy();
    far.resetAndDestroy();
  }

  const reset = () => {
    for (const link of [...links]) cut(link);
  };
  const shut = async () => {
    reset();
    if (!server.listening) return;
    server.close();
    await once(server, "close");
  };
  return {
    port,
    get accepted() {
      return accepted;
    },
    get withheld() {
      return withheld;
    },
    treat(treatment) {
      for (const link of links) {
        link.treatment = treatment;
        apply(link);
      }
    },
    treatNew(treatment) {
      treatmentOfNew = treatment;
    },
    halfClose() {
      for (const link of links) {
        link.treatment = "swallow";
        link.near.end();
      }
    },
    cutAfter(bytes) {
      cutting = bytes;
      for (const link of links) link.left = bytes ?? Number.POSITIVE_INFINITY;
    },
    reset,
    shut,
    async reopen() {
      server = await listen(port);
    },
    [Symbol.asyncDispose]: shut,
  };
}
