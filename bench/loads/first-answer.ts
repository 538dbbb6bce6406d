import { once } from "node:events";
import { request as requestHttp1 } from "node:http";
import { connect } from "node:http2";
import { buffer } from "node:stream/consumers";
import type { H2loadRequest } from "./h2load.ts";

const WITHIN_MS = 10_000;

/**
 * Makes one request as h2load makes many, and reads what h2load does not: the answer's body, and what gRPC's trailers say.
 *
 * @throws Error where the answer is not `expected`
 */
export async function checkFirstAnswer(request: H2loadRequest, body: Buffer, expected: Buffer): Promise<void> {
  const answer = request.isHttp1 ? await askHttp1(request, body) : await askHttp2(request, body);
  const grpcStatus = answer.grpcStatus ?? "0";
  if (answer.status !== 200 || grpcStatus !== "0" || !answer.body.equals(expected)) {
    const shown = JSON.stringify(answer.body.toString("latin1").slice(0, 200));
    throw new Error(`${request.url} answers ${answer.status}, grpc-status ${grpcStatus}, ${shown}`);
  }
}

interface Answer {
  readonly status: number | undefined;
  readonly grpcStatus: unknown;
  readonly body: Buffer;
}

async function askHttp1({ url, headers }: H2loadRequest, body: Buffer): Promise<Answer> {
  const signal = AbortSignal.timeout(WITHIN_MS);
  const request = requestHttp1(url, { method: "POST", headers: { ...headers, "content-length": body.length }, signal });
  request.end(body);
  const [response] = await once(request, "response");
  return { status: response.statusCode, grpcStatus: undefined, body: await buffer(response) };
}

async function askHttp2({ url, headers, bodyFile }: H2loadRequest, body: Buffer): Promise<Answer> {
  const { origin, pathname } = new URL(url);
  const session = connect(origin, { rejectUnauthorized: false });
  const failed = once(session, "error", { signal: AbortSignal.timeout(WITHIN_MS) }).then(([error]) => {
    throw error;
  });
  failed.catch(() => undefined); // the answer is what is waited for
  try {
    const isGet = bodyFile === undefined;
    const stream = session.request({ ":method": isGet ? "GET" : "POST", ":path": pathname, ...headers });
    let grpcStatus: unknown;
    stream.on("trailers", (trailers) => {
      grpcStatus = trailers["grpc-status"];
    });
    if (!isGet) stream.end(body);
    const [head] = await Promise.race([once(stream, "response"), failed]);
    const answered = await Promise.race([buffer(stream), failed]);
    return { status: head[":status"], grpcStatus: grpcStatus ?? head["grpc-status"], body: answered };
  } finally {
    session.destroy();
  }
}
