import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { ConnectError } from "@connectrpc/connect";
import type { AnswerField, AnswerFields, AnswerListener, HttpRequest, RequestHead } from "./http-request.ts";

/** What of an answer may wait for its reader before the connection is paused, in bytes. */
const UNREAD_BYTES = 64 * 1024;

/** A request over HTTP/1.1, by node:http. */
export class Http1Request implements HttpRequest {
  readonly #request: ClientRequest;
  readonly #listener: AnswerListener;
  /** What a call fails with whose connection has failed so. */
  readonly #errorOf: (error: Error) => ConnectError;
  #response: IncomingMessage | undefined;
  #unreadBytes = 0;
  /** The listener has heard the last. */
  #isOver = false;
  #hasFailed = false;

  constructor(
    begin: (headers: OutgoingHttpHeaders) => ClientRequest,
    head: RequestHead,
    body: Uint8Array | null | undefined,
    listener: AnswerListener,
    errorOf: (error: Error) => ConnectError,
  ) {
    this.#listener = listener;
    this.#errorOf = errorOf;
    const request = begin(nodeHeaders(head));
    this.#request = request;
    request.on("response", (response) => this.#onResponse(response));
    request.on("error", (error) => this.#fail(error));
    request.on("drain", () => listener.onRoom());
    request.on("close", () => {
      if (this.#response === undefined) {
        this.#fail(lost());
      }
    });
    if (body === undefined) {
      request.flushHeaders(); // or they would wait for the first part of the body
      request.once("socket", (socket) => {
        if (socket.connecting) {
          socket.once("connect", () => this.#onOpen());
        } else {
          this.#onOpen();
        }
      });
    } else {
      try {
        request.end(body ?? undefined); // with its length, where it has one
      } catch (error) {
        this.#isOver = true;
        request.destroy(); // it has a head that node:http does not send
        throw error;
      }
    }
  }

  /** The connection has failed it, or is gone before it is over. */
  get wasBrokenOff(): boolean {
    return this.#hasFailed || !this.#isOver;
  }

  send(bytes: Uint8Array, isLast: boolean): boolean {
    if (this.#isOver) {
      return true;
    }
    if (!isLast) {
      return this.#request.write(bytes);
    }
    this.#request.end(bytes.length === 0 ? undefined : bytes);
    return true;
  }

  consumed(bytes: number): void {
    this.#unreadBytes -= bytes;
    if (this.#unreadBytes <= UNREAD_BYTES / 2 && this.#response?.isPaused()) {
      this.#response.resume();
    }
  }

  cancel(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#request.destroy();
    }
  }

  #onOpen(): void {
    if (!this.#isOver) {
      this.#listener.onOpen();
    }
  }

  #onResponse(response: IncomingMessage): void {
    this.#response = response;
    response.on("data", (bytes: Buffer) => this.#onData(response, bytes));
    response.on("end", () => this.#onEnd(response));
    response.on("error", (error) => this.#fail(error));
    response.on("close", () => this.#fail(lost()));
    if (!this.#isOver) {
      this.#listener.onHead(response.statusCode ?? 0, fieldsOf(response.headers));
    }
  }

  #onData(response: IncomingMessage, bytes: Buffer): void {
    if (this.#isOver) {
      return;
    }
    this.#unreadBytes += bytes.length;
    this.#listener.onData(bytes);
    if (this.#unreadBytes > UNREAD_BYTES) {
      response.pause();
    }
  }

  #onEnd(response: IncomingMessage): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    const trailers = fieldsOf(response.trailers);
    if (trailers.length > 0) {
      this.#listener.onTrailers(trailers);
    }
    this.#listener.onEnd();
    if (!this.#request.writableFinished) {
      this.#request.destroy(); // an answered call has no use for the rest of its request
    }
  }

  #fail(error: Error): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#hasFailed = true;
      this.#listener.onError(this.#errorOf(error), "unknown");
      this.#request.destroy();
    }
  }
}

/** As node:http says it where a connection ends in the middle. */
function lost(): Error {
  return Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
}

/** Lines in the form of node:http; the authority becomes `host`. */
function nodeHeaders(head: RequestHead): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const lines of [head.fields, head.more ?? []]) {
    for (const [name, value] of lines) {
      if (name === ":authority") {
        headers["host"] = value;
      } else if (!name.startsWith(":")) {
        headers[name] = value;
      }
    }
  }
  return headers;
}

function fieldsOf(headers: IncomingHttpHeaders): AnswerFields {
  const fields: AnswerField[] = [];
  for (const [name, values] of Object.entries(headers)) {
    for (const value of typeof values === "string" ? [values] : (values ?? [])) {
      fields.push({ name, value });
    }
  }
  return fields;
}
