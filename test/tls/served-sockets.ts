import * as tls from "node:tls";

/** A connection by TLS, as its server has it. */
export interface ServedSocket {
  readonly socket: tls.TLSSocket;
  /** Its session is one of a connection before. */
  readonly isResumed: boolean;
  /** The number of the certificate that the server shows. */
  readonly own: string;
  /** That of its client's, or `none`. */
  readonly peer: string;
}

/** Connections by TLS to the servers of this process, whoever has opened them; disposing stops the watching. */
export interface ServedSockets extends Disposable {
  /** Those that a port has had since it is watched, in the order in which their handshakes were done. */
  at(port: number): readonly ServedSocket[];
  /** Those of them that are not over. */
  openAt(port: number): readonly ServedSocket[];
}

/** Sees what a service does not show: its sockets as TLS has them, with both sides' certificates. */
export function watchServedSockets(): ServedSockets {
  const served: (ServedSocket & { readonly port: number | undefined })[] = [];
  const { prototype } = tls.Server;
  const { emit } = prototype;
  function watchingEmit(this: tls.Server, event: string, ...args: unknown[]): boolean {
    const [socket] = args;
    if (event === "secureConnection" && socket instanceof tls.TLSSocket) {
      served.push({ port: socket.localPort, ...factsOf(socket) }); // now: once it is over it tells nothing
    }
    return Reflect.apply(emit, this, [event, ...args]);
  }
  Object.assign(prototype, { emit: watchingEmit });
  const at = (port: number) => served.filter((one) => one.port === port);
  return {
    at,
    openAt: (port) => at(port).filter(({ socket }) => !socket.destroyed),
    [Symbol.dispose]: () => void Object.assign(prototype, { emit }),
  };
}

function factsOf(socket: tls.TLSSocket): ServedSocket {
  return {
    socket,
    isResumed: socket.isSessionReused(),
    own: socket.getX509Certificate()?.serialNumber ?? "none",
    peer: socket.getPeerX509Certificate()?.serialNumber ?? "none",
  };
}
