import { once } from "node:events";
import * as http2 from "node:http2";

/** An HTTP/2 connection; disposing it destroys it. */
export interface Http2Client extends Disposable {
  readonly session: http2.ClientHttp2Session;
  /** Sends a request and reads its whole answer. Rejects when the stream is reset. */
  request(headers: http2.OutgoingHttpHeaders, body?: string | Uint8Array): Promise<Http2Answer>;
}

export interface Http2Answer {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly trailers: http2.IncomingHttpHeaders;
  readonly body: string;
}

/** Connects to `url` with prior knowledge. */
export async function http2Client(url: string): Promise<Http2Client> {
  const session = http2.connect(url);
  session.on("error", () => undefined); // requests fail with it
  await once(session, "connect");
  return {
    session,
    request: (headers, body) => read(session.request(headers, { endStream: body === undefined }), body),
    [Symbol.dispose]: () => session.destroy(),
  };
}

function read(stream: http2.ClientHttp2Stream, body: string | Uint8Array | undefined): Promise<Http2Answer> {
  return new Promise((resolve, reject) => {
    let headers: http2.IncomingHttpHeaders = {};
    let trailers: http2.IncomingHttpHeaders = {};
    let text = "";
    let failure: Error | undefined;
    stream.on("response", (fields) => {
      headers = fields;
    });
    stream.on("trailers", (fields) => {
      trailers = fields;
    });
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    stream.on("error", (error) => {
      failure = error;
    });
    stream.on("close", () => {
      const status = Number(headers[":status"]);
      if (failure !== undefined || !(status > 0)) {
        reject(failure ?? new Error(`the stream ended with code ${stream.rstCode} and no answer`));
      } else {
        resolve({ status, headers, trailers, body: text });
      }
    });
    if (body !== undefined) stream.end(body);
  });
}
