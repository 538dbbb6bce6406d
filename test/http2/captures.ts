import { once } from "node:events";
import { connect as connectHttp2, createServer, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, connect, createServer as createProxy, type Server } from "node:net";
import { Client, credentials } from "@grpc/grpc-js";

/** What two peers have said to each other over one connection. */
export interface Capture {
  readonly name: string;
  readonly fromClient: Buffer;
  readonly fromServer: Buffer;
}

/** Records what the clients of node:http2 and grpc-js say to a server of node:http2, and what it answers. */
export async function recordCaptures(): Promise<readonly Capture[]> {
  const server = createServer();
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    stream.respond(
      { ":status": 200, "content-type": headers["content-type"] ?? "text/plain" },
      { waitForTrailers: true },
    );
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.pipe(stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = (server.address() as AddressInfo).port;
  try {
    return [await recorded("node:http2", port, speakHttp2), await recorded("grpc-js", port, speakGrpc)];
  } finally {
    server.close();
  }
}

async function speakHttp2(port: number): Promise<void> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  for (let count = 0; count < 4; count++) {
    const stream = session.request({
      ":method": "POST",
      ":path": `/${count}`,
      "x-count": String(count),
      "x-kept": "1",
    });
    stream.resume();
    stream.write("a".repeat(count * 3000));
    stream.end("end");
    await once(stream, "close");
  }
  await new Promise<void>((resolve, reject) => session.ping((error) => (error ? reject(error) : resolve())));
  session.close();
  await once(session, "close");
}

async function speakGrpc(port: number): Promise<void> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const same = (bytes: Buffer) => bytes;
  for (let count = 0; count < 4; count++) {
    await new Promise<void>((resolve, reject) => {
      const message = Buffer.alloc(count * 1000, "m");
      client.makeUnaryRequest("/test.Service/Echo", same, same, message, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }
  client.close();
}

/** Puts itself between a client and a server, and writes down what goes through. */
async function recorded(name: string, port: number, speak: (port: number) => Promise<void>): Promise<Capture> {
  const up: Buffer[] = [];
  const down: Buffer[] = [];
  const proxy: Server = createProxy((socket) => {
    const onward = connect(port, "127.0.0.1");
    socket.on("data", (chunk: Buffer) => up.push(chunk)).pipe(onward);
    onward.on("data", (chunk: Buffer) => down.push(chunk)).pipe(socket);
    socket.on("error", () => onward.destroy());
    onward.on("error", () => socket.destroy());
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  await speak((proxy.address() as AddressInfo).port);
  proxy.close();
  return { name, fromClient: Buffer.concat(up), fromServer: Buffer.concat(down) };
}
