import { once } from "node:events";
import type * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import type * as tls from "node:tls";

export interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Null for one that has begun and never ends. */
  readonly body?: string | Uint8Array | null;
}

export interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly trailers: Readonly<Record<string, unknown>>;
  /** One character a byte. */
  readonly body: string;
}

/** Asks for a path of the server at `url`, on a connection of its own. */
export type Asking = (url: string, options: tls.ConnectionOptions, asked: Asked) => Promise<Told>;

export const overHttp1: Asking = async (url, options, { method = "GET", path, headers = {}, body }) => {
  const agent = new https.Agent({ ...options, ALPNProtocols: ["http/1.1"] });
  const request = https.request(url, { method, path, headers, agent });
  send(request, body);
  try {
    const [response] = (await once(request, "response")) as [http.IncomingMessage]; // node:http's
    const text = await read(response);
    return { status: response.statusCode ?? 0, headers: response.headers, trailers: response.trailers, body: text };
  } finally {
    request.on("error", () => undefined).destroy();
    agent.destroy();
  }
};

export const overHttp2: Asking = async (url, options, { method = "GET", path, headers = {}, body }) => {
  const session = http2.connect(url, options);
  try {
    const stream = session.request({ ":method": method, ":path": path, ...headers }, { endStream: body === undefined });
    send(stream, body);
    let trailers = {};
    stream.on("trailers", (fields) => {
      trailers = fields;
    });
    const [fields] = (await once(stream, "response")) as [http2.IncomingHttpHeaders]; // node:http2's
    return { status: Number(fields[":status"]), headers: fields, body: await read(stream), trailers };
  } finally {
    session.on("error", () => undefined).destroy();
  }
};

function send(request: http.ClientRequest | http2.ClientHttp2Stream, body: Asked["body"]): void {
  if (body === null) {
    request.write("{");
  } else {
    request.end(body);
  }
}

async function read(answer: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return Buffer.concat(chunks).toString("latin1");
}
