import type { IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { RequestHead, Stream } from "../http2/index.ts";

/** What the web application's messages use of the engine's stream. */
export type WebStream = Readonly<
  Pick<
    Stream,
    | "sendInformation"
    | "sendHead"
    | "sendData"
    | "sendTrailers"
    | "reset"
    | "consumed"
    | "isClosed"
    /** Our side's last frame is in the connection's output. */
    | "isLocalEnded"
  >
>;

/** What the web application is told of the request's head. */
export type WebHead = Pick<RequestHead, "method" | "path" | "authority" | "fields">;

/** What a request and its response have in common: their stream, and the time that they may be idle. */
export interface WebPeer {
  readonly stream: WebStream;
  /** The connection, as far as one stream of it may be told of it and touch it. */
  readonly socket: Socket;
  /** Takes the next part of the body; undefined where none is there. It has to be acknowledged to the stream. */
  read(): Uint8Array | undefined;
  /** Set by the request: {@link read} may have something, or the request is complete. */
  onReadable: () => void;
  /** Set by the response: the stream may have room, or has sent all. */
  onDrain: () => void;
  /** The application has destroyed a request that it did not read to its end. */
  onRequestDestroyed(): void;
  /** There is nothing more to come of the response, for whatever reason. */
  onResponseOver(): void;
  /** Emits `timeout` after so long without a byte in either direction; 0 ends that. */
  setTimeout(timeoutMs: number): void;
  /** Bytes are on their way. */
  onActivity(): void;
}

/** Of these node:http keeps the first (its documentation, message.headers). */
const FIRST_ONLY: ReadonlySet<string> = new Set([
  "age",
  "authorization",
  "content-length",
  "content-type",
  "etag",
  "expires",
  "from",
  "host",
  "if-modified-since",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "referer",
  "retry-after",
  "server",
  "user-agent",
]);

/**
 * A request over the engine as web applications know it: node:http's IncomingMessage in all that it has in public.
 *
 * It pulls its body from its peer, and acknowledges it to the stream as it does, which is when somebody reads: of a body
 * that nobody reads no more is taken than the stream's window lets in. Unlike node:http, a `host` that is missing is
 * made of `:authority` (RFC 9113, 8.3.1).
 */
export class WebRequest extends Readable {
  readonly httpVersion = "2.0";
  readonly httpVersionMajor = 2;
  readonly httpVersionMinor = 0;
  // Frameworks write to these: Express cuts the path of `url` where it mounts an application.
  method: string;
  url: string;
  rawHeaders: string[];
  rawTrailers: string[] = [];
  /** The peer has sent all of it; not all need be read. */
  complete = false;
  /** It ended before it was complete, or before it was read to its end. */
  aborted = false;
  readonly #peer: WebPeer;
  #headers: IncomingHttpHeaders | undefined;
  #headersDistinct: NodeJS.Dict<string[]> | undefined;
  #trailers: NodeJS.Dict<string> | undefined;
  #trailersDistinct: NodeJS.Dict<string[]> | undefined;
  #abortController: AbortController | undefined;
  /** Somebody reads, and has nothing yet. */
  #isWanted = false;

  constructor(peer: WebPeer, head: WebHead) {
    super();
    this.#peer = peer;
    this.method = head.method;
    this.url = head.path ?? "";
    this.rawHeaders = [];
    let hasHost = false;
    for (const { name, value } of head.fields) {
      hasHost ||= name === "host";
      this.rawHeaders.push(name, value);
    }
    if (!hasHost && head.authority !== undefined) {
      this.rawHeaders.unshift("host", head.authority);
    }
    peer.onReadable = () => this.#pull();
  }

  get headers(): IncomingHttpHeaders {
    this.#headers ??= joined(this.rawHeaders);
    return this.#headers;
  }

  set headers(headers: IncomingHttpHeaders) {
    this.#headers = headers;
  }

  get headersDistinct(): NodeJS.Dict<string[]> {
    this.#headersDistinct ??= distinct(this.rawHeaders);
    return this.#headersDistinct;
  }

  set headersDistinct(headers: NodeJS.Dict<string[]>) {
    this.#headersDistinct = headers;
  }

  get trailers(): NodeJS.Dict<string> {
    // By their rules trailers are joined as headers are; only set-cookie, which is none, would be a list.
    this.#trailers ??= joined(this.rawTrailers) as NodeJS.Dict<string>;
    return this.#trailers;
  }

  set trailers(trailers: NodeJS.Dict<string>) {
    this.#trailers = trailers;
  }

  get trailersDistinct(): NodeJS.Dict<string[]> {
    this.#trailersDistinct ??= distinct(this.rawTrailers);
    return this.#trailersDistinct;
  }

  set trailersDistinct(trailers: NodeJS.Dict<string[]>) {
    this.#trailersDistinct = trailers;
  }

  /** The connection; to destroy it ends only this exchange, and its events are this exchange's. */
  get socket(): Socket {
    return this.#peer.socket;
  }

  get connection(): Socket {
    return this.#peer.socket;
  }

  /** Aborts where the request does. */
  get signal(): AbortSignal {
    if (this.#abortController === undefined) {
      this.#abortController = new AbortController();
      if (this.aborted) {
        this.#abortController.abort();
      }
    }
    return this.#abortController.signal;
  }

  setTimeout(timeoutMs: number, callback?: () => void): this {
    if (callback !== undefined) {
      this.on("timeout", callback);
    }
    this.#peer.setTimeout(timeoutMs);
    return this;
  }

  override _read(): void {
    this.#isWanted = true;
    this.#pull();
  }

  /** As node:http's: what ends early is told by `aborted`, and by `error` only where somebody listens. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#isWanted = false;
    if (!this.complete || !this.readableEnded) {
      this.aborted = true;
      this.emit("aborted");
      this.#abortController?.abort();
      this.#peer.onRequestDestroyed();
    }
    for (let bytes = this.#peer.read(); bytes !== undefined; bytes = this.#peer.read()) {
      this.#peer.stream.consumed(bytes.byteLength); // of the connection's window, which others need
    }
    if (error === null) {
      callback();
    } else {
      // Later, so that whoever listens right after destroying it is heard as well.
      process.nextTick(() => callback(this.listenerCount("error") > 0 ? error : null));
    }
  }

  #pull(): void {
    while (this.#isWanted) {
      const bytes = this.#peer.read();
      if (bytes !== undefined) {
        this.#peer.stream.consumed(bytes.byteLength);
        this.#isWanted = this.push(bytes);
        continue;
      }
      if (this.complete) {
        this.#isWanted = false;
        this.push(null);
      }
      return;
    }
  }
}

/** Header fields as node:http joins them (its documentation, message.headers). */
function joined(raw: readonly string[]): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {};
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] as string; // within the array
    const value = raw[index + 1] as string;
    if (name === "set-cookie") {
      headers["set-cookie"] ??= [];
      headers["set-cookie"].push(value);
      continue;
    }
    const present = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (present === undefined) {
      headers[name] = value;
    } else if (!FIRST_ONLY.has(name)) {
      headers[name] = `${present}${name === "cookie" ? "; " : ", "}${value}`;
    }
  }
  return headers;
}

function distinct(raw: readonly string[]): NodeJS.Dict<string[]> {
  // Without a prototype, as node:http's: names are the peer's.
  const headers = Object.create(null) as NodeJS.Dict<string[]>;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] as string; // within the array
    headers[name] ??= [];
    headers[name].push(raw[index + 1] as string);
  }
  return headers;
}
