import * as tls from "node:tls";

/** Connections by TLS to the servers of this process, whoever has opened them; disposing stops the watching. */
export interface ServedSockets extends Disposable {
  /** Those that a port has had since it is watched, in the order in which their handshakes were done. */
  at(port: number): readonly tls.TLSSocket[];
  /** Those of them that are not over. */
  openAt(port: number): readonly tls.TLSSocket[];
}

/** What a server does not show by itself: its sockets as TLS has them, with both sides' certificates. */
export function watchServedSockets(): ServedSockets {
  const served: { readonly port: number | undefined; readonly socket: tls.TLSSocket }[] = [];
  const { prototype } = tls.Server;
  const { emit } = prototype;
  function watchingEmit(this: tls.Server, event: string, ...args: unknown[]): boolean {
    const [socket] = args;
    if (event === "secureConnection" && socket instanceof tls.TLSSocket)
      served.push({ port: socket.localPort, socket });
    return Reflect.apply(emit, this, [event, ...args]);
  }
  Object.assign(prototype, { emit: watchingEmit });
  const at = (port: number) => served.filter((one) => one.port === port).map(({ socket }) => socket);
  return {
    at,
    openAt: (port) => at(port).filter(({ destroyed }) => !destroyed),
    [Symbol.dispose]: () => void Object.assign(prototype, { emit }),
  };
}

/** The numbers of the two certificates of a connection, as its server has them. */
export function serialsOf(socket: tls.TLSSocket): { readonly own: string; readonly peer: string } {
  const number = (certificate: { readonly serialNumber: string } | undefined) => certificate?.serialNumber ?? "none";
  return { own: number(socket.getX509Certificate()), peer: number(socket.getPeerX509Certificate()) };
}
