import * as http2 from "node:http2";
import * as https from "node:https";
import type { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { AUTHORITY, type Visitor } from "./guarded.ts";

/** A request as it goes over the wire. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly header?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** The body stops in the middle, and its end never comes. */
  readonly isEndless?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly header: Readonly<Record<string, string>>;
  readonly trailer: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export type HttpVersion = "1.1" | "2";

/** Sends a request on a connection of its own, and reads its answer. */
export function ask(httpVersion: HttpVersion, port: number, { shows }: Visitor, asked: Asked): Promise<Answer> {
  const tls = { ca: AUTHORITY, ...shows };
  return httpVersion === "2" ? askByHttp2(port, tls, asked) : askByHttp1(port, tls, asked);
}

type Tls = Readonly<{ ca: string; cert?: string; key?: string }>;
type Fields = Readonly<Record<string, string | string[] | number | undefined>>;

async function askByHttp2(port: number, tls: Tls, { method, path, header, body, isEndless }: Asked): Promise<Answer> {
  const session = http2.connect(`https://localhost:${port}`, { ...tls });
  try {
    const answer = Promise.withResolvers<Answer>();
    session.on("error", answer.reject);
    const stream = session.request(
      { ":method": method, ":path": path, ...header },
      { endStream: body === undefined && isEndless !== true },
    );
    const chunks: Buffer[] = [];
    let head: Fields = {};
    let trailer: Fields = {};
    const finish = () =>
      answer.resolve({
        status: Number(head[":status"]),
        header: textsOf(head),
        trailer: textsOf(trailer),
        body: Buffer.concat(chunks),
      });
    stream.on("response", (fields) => {
      head = fields;
    });
    stream.on("trailers", (fields) => {
      trailer = fields;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", finish);
    stream.on("error", answer.reject);
    if (body !== undefined) {
      isEndless ? stream.write(body) : stream.end(body);
    }
    return await answer.promise;
  } finally {
    session.destroy();
  }
}

async function askByHttp1(port: number, tls: Tls, { method, path, header, body, isEndless }: Asked): Promise<Answer> {
  const agent = new https.Agent({ maxCachedSessions: 0 });
  const request = https.request({ host: "localhost", port, agent, method, path, ...tls });
  try {
    const answer = Promise.withResolvers<Answer>();
    for (const [name, value] of Object.entries(header ?? {})) {
      request.setHeader(name, value);
    }
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () =>
        answer.resolve({
          status: response.statusCode ?? 0,
          header: textsOf(response.headers),
          trailer: textsOf(response.trailers),
          body: Buffer.concat(chunks),
        }),
      );
    });
    request.on("upgrade", ({ headers }) =>
      answer.resolve({ status: 101, header: textsOf(headers), trailer: {}, body: Buffer.alloc(0) }),
    );
    request.on("error", answer.reject);
    if (isEndless) {
      request.setHeader("content-length", 1_000_000);
      request.write(body ?? "");
    } else {
      request.end(body);
    }
    return await answer.promise;
  } finally {
    request.destroy();
    agent.destroy();
  }
}

function textsOf(fields: Fields): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));
}

/** How a request went, whatever the protocol: `ok`, an error's code, or `HTTP 415` where there is no such. */
export function outcomeOf({ status, header, trailer, body }: Answer): string {
  const type = header["content-type"] ?? "";
  if (type.startsWith("application/grpc")) {
    const [, atEnd] =
      /grpc-status: ?(\d+)/.exec(type.includes("-text") ? fromBase64(body) : body.toString("latin1")) ?? [];
    const code = Number(header["grpc-status"] ?? trailer["grpc-status"] ?? atEnd);
    return code === 0 ? "ok" : codeToString(code as Code); // a status of gRPC's is a code of Connect's
  }
  if (type.startsWith("application/connect+")) {
    return JSON.parse(lastEnvelope(body)).error?.code ?? "ok";
  }
  if (status < 400) {
    return "ok";
  }
  return body.length === 0 ? `HTTP ${status}` : JSON.parse(body.toString()).code;
}

/** What the last of a body's envelopes holds. */
function lastEnvelope(body: Buffer): string {
  let at = 0;
  while (at + 5 + body.readUInt32BE(at + 1) < body.length) {
    at += 5 + body.readUInt32BE(at + 1);
  }
  return body.subarray(at + 5).toString();
}

/** Text that is padded wherever a part of it ended. */
function fromBase64(body: Buffer): string {
  const parts = body.toString().match(/[^=]+=*/g) ?? [];
  return parts.map((part) => Buffer.from(part, "base64").toString("latin1")).join("");
}
