import * as http from "node:http";
import * as http2 from "node:http2";
import { setImmediate as turn } from "node:timers/promises";

export type Fields = readonly (readonly [name: string, value: string])[];

/** A request as it goes out, byte for byte but for HTTP's framing. */
export interface RawRequest {
  readonly version: "1.1" | "2";
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Without host and pseudo-header fields; names in lower case. */
  readonly fields: Fields;
  /** The body, by what is sent in a turn of its own. */
  readonly chunks: readonly Uint8Array[];
}

/** An answer as it came, or what came in its place. */
export interface RawAnswer {
  /** `complete`, or what broke it off. */
  readonly end: string;
  readonly status: number | undefined;
  readonly fields: Fields;
  readonly body: Buffer;
  readonly trailers: Fields;
}

/** The host that every request is for, whatever the port. */
export const HOST = "differential.test";

/** Sends to one server, over connections that it keeps. */
export interface RawClient extends Disposable {
  send(request: RawRequest): Promise<RawAnswer>;
}

/** An answer that takes longer does not come. */
const BOUND_MS = 2000;

export function createRawClient(port: (version: RawRequest["version"]) => number): RawClient {
  const agent = new http.Agent({ keepAlive: true });
  let session: http2.ClientHttp2Session | undefined;
  const currentSession = () => {
    if (session === undefined || session.closed || session.destroyed) {
      session = http2.connect(`http://127.0.0.1:${port("2")}`);
      session.on("error", () => undefined); // its requests fail with it
    }
    return session;
  };
  return {
    send(request) {
      return request.version === "2"
        ? sendOverHttp2(currentSession(), request)
        : sendOverHttp1(agent, port("1.1"), request);
    },
    [Symbol.dispose]() {
      agent.destroy();
      session?.destroy();
    },
  };
}

/** What comes of an answer, put together; settles once, with whatever came first. */
function collect(settled: (answer: RawAnswer) => void) {
  const chunks: Buffer[] = [];
  let head: Pick<RawAnswer, "status" | "fields"> = { status: undefined, fields: [] };
  let trailers: Fields = [];
  const timer = setTimeout(() => end("nothing comes"), BOUND_MS);
  function end(how: string): void {
    clearTimeout(timer);
    settled({ end: how, ...head, body: Buffer.concat(chunks), trailers });
  }
  return {
    end,
    onHead(status: number, fields: Fields) {
      head = { status, fields };
    },
    onData: (chunk: Buffer) => void chunks.push(chunk),
    onTrailers(fields: Fields) {
      trailers = fields;
    },
  };
}

async function sendOverHttp1(agent: http.Agent, port: number, asked: RawRequest): Promise<RawAnswer> {
  const { method, target, fields, chunks } = asked;
  // By itself, Node's client frames no body of the methods that have none as a rule.
  const isChunked = chunks.length > 0 && !fields.some(([name]) => name === "content-length");
  const headers = ["host", HOST, ...fields.flat(), ...(isChunked ? ["transfer-encoding", "chunked"] : [])];
  const request = http.request({ host: "127.0.0.1", port, agent, method, path: target, headers, setHost: false });
  const answered = new Promise<RawAnswer>((resolve) => {
    const answer = collect(resolve);
    request.on("response", (response) => {
      answer.onHead(response.statusCode ?? 0, pairs(response.rawHeaders));
      response.on("data", answer.onData);
      response.on("end", () => {
        answer.onTrailers(pairs(response.rawTrailers));
        answer.end("complete");
      });
      response.on("error", () => answer.end("broken off"));
    });
    request.on("error", () => answer.end("broken off"));
  });
  for (const chunk of chunks) {
    request.write(chunk);
    await turn();
  }
  request.end();
  const answer = await answered;
  if (answer.end !== "complete") request.destroy();
  return answer;
}

async function sendOverHttp2(session: http2.ClientHttp2Session, asked: RawRequest): Promise<RawAnswer> {
  const { method, target, fields, chunks } = asked;
  const pseudo = [":method", method, ":scheme", "http", ":path", target, ":authority", HOST];
  const stream = session.request([...pseudo, ...fields.flat()], { endStream: chunks.length === 0 });
  const answered = new Promise<RawAnswer>((resolve) => {
    const answer = collect(resolve);
    // Node's types do not know that the fields come as they are, too.
    stream.on("response", ((headers: http2.IncomingHttpHeaders, _flags: number, raw: readonly string[]) =>
      answer.onHead(
        Number(headers[":status"]),
        pairs(raw).filter(([name]) => !name.startsWith(":")),
      )) as () => void);
    stream.on("trailers", ((_headers: http2.IncomingHttpHeaders, _flags: number, raw: readonly string[]) =>
      answer.onTrailers(pairs(raw))) as () => void);
    stream.on("data", answer.onData);
    stream.on("error", () => undefined); // the close that follows has its code
    stream.on("close", () => answer.end(stream.rstCode === 0 ? "complete" : `reset with ${stream.rstCode}`));
  });
  for (const chunk of chunks) {
    stream.write(chunk);
    await turn();
  }
  stream.end();
  const answer = await answered;
  stream.destroy();
  return answer;
}

function pairs(raw: readonly string[]): Fields {
  return raw.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), raw[at + 1] ?? ""] as const] : []));
}
