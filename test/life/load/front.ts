import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type Http2Watch, watchHttp2 } from "./http2-watch.ts";

/** What stands before the instances of a service: as in Kubernetes, connections stay where they are. Disposing cuts them. */
export interface Front extends AsyncDisposable {
  readonly url: string;
  /** Has new connections go to the instance at `url`. */
  sendTo(url: string): void;
  /** Every connection that there was. */
  readonly watches: readonly Http2Watch[];
}

export async function startFront(): Promise<Front> {
  let port = 0;
  const sockets = new Set<Socket>();
  const watches: Http2Watch[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    watches.push(watchHttp2(near, far));
    join(near, far);
    join(far, near);
  });

  function join(from: Socket, to: Socket): void {
    sockets.add(from);
    from.pipe(to);
    from.on("error", () => to.resetAndDestroy());
    from.on("close", () => sockets.delete(from));
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: own } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: `http://127.0.0.1:${own}`,
    watches,
    sendTo(url) {
      port = Number(new URL(url).port);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
