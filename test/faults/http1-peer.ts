import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** An HTTP/1.1 server whose answers are a real service's with other bodies. Disposing it cuts every connection. */
export interface Http1Peer extends AsyncDisposable {
  readonly port: number;
  /** Has every answer's body be what `alter` makes of it, from now on; undefined leaves it. */
  alter(alter: ((body: Buffer) => Buffer) | undefined): void;
}

/** Starts one, in front of the service at a port of 127.0.0.1. */
export async function startHttp1Peer(to: number): Promise<Http1Peer> {
  const agent = new Agent({ keepAlive: true });
  let alter: ((body: Buffer) => Buffer) | undefined;

  function pass(asked: IncomingMessage, answer: ServerResponse): void {
    const { method, url, headers } = asked;
    const onward = request({ host: "127.0.0.1", port: to, agent, method, path: url, headers });
    onward.on("error", () => answer.destroy());
    answer.on("close", () => {
      if (!answer.writableFinished) onward.destroy();
    });
    onward.on("response", async (answered) => {
      const { "content-length": _length, ...fields } = answered.headers;
      const altering = alter;
      if (altering === undefined) {
        answer.writeHead(answered.statusCode ?? 500, answered.headers);
        answered.on("error", () => answer.destroy()).pipe(answer);
        return;
      }
      const body = await buffer(answered).catch(() => undefined);
      if (body === undefined) answer.destroy();
      else answer.writeHead(answered.statusCode ?? 500, fields).end(altering(body));
    });
    asked.pipe(onward);
  }

  const server = createServer(pass);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    port,
    alter(next) {
      alter = next;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      agent.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
