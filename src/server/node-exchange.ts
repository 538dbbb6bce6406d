import type { IncomingMessage, ServerResponse } from "node:http";
import { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import { FieldBlock, type Lines } from "../http2/index.ts";
import type { BodyReceiver, ExchangeAnswer } from "../wire/exchange.ts";
import type { AnswerWatch } from "./answer-watch.ts";
import type { UpgradeOffer } from "./http1-server.ts";
import type { RequestMemory } from "./memory-account.ts";
import { breakOff, keepMembers, type NodeRequest, type NodeResponse, writer } from "./node-messages.ts";
import type { Received } from "./received.ts";
import type { NodeMessages, ServedExchange } from "./served-exchange.ts";

/** What a receiver may have of a body before no more of it is read. */
const MAX_UNREAD_BYTES = 64 * 1024;

/** What a {@link NodeExchange} is made of. */
export interface NodeExchangeParts {
  readonly call: ActiveCall;
  readonly request: NodeRequest;
  readonly response: NodeResponse;
  readonly received: Received;
  readonly answer: AnswerWatch;
  readonly memory: RequestMemory;
  readonly isHeadTooLarge: boolean;
  /** Gives the connection away; undefined where the request does not ask for that. */
  readonly takeOver: (() => UpgradeOffer) | undefined;
}

/** An exchange over node:http, or over node:http2's compatibility classes. */
export class NodeExchange implements ServedExchange {
  readonly call: ActiveCall;
  readonly received: Received;
  readonly answer: AnswerWatch;
  readonly isHeadTooLarge: boolean;
  plan: unknown;
  place = -1;
  readonly #request: NodeRequest;
  readonly #response: NodeResponse;
  readonly #memory: RequestMemory;
  readonly #takeOver: (() => UpgradeOffer) | undefined;
  #header: Headers | undefined;
  /** What the receiver has of the body and not acknowledged. */
  #unreadBytes = 0;
  /** The head that goes out with the first part of the body. */
  #head: Lines | undefined;

  constructor(parts: NodeExchangeParts) {
    this.call = parts.call;
    this.received = parts.received;
    this.answer = parts.answer;
    this.isHeadTooLarge = parts.isHeadTooLarge;
    this.#request = parts.request;
    this.#response = parts.response;
    this.#memory = parts.memory;
    this.#takeOver = parts.takeOver;
  }

  get httpVersion(): "1.0" | "1.1" | "2.0" {
    return this.received.head.httpVersion;
  }

  get method(): string {
    return this.received.head.method;
  }

  get path(): string {
    return this.received.path;
  }

  get query(): string {
    return this.received.query;
  }

  get authority(): string {
    return this.received.authority;
  }

  get scheme(): "http" | "https" {
    return this.received.scheme;
  }

  isComplete(): boolean {
    return this.#request.complete;
  }

  field(name: string): string | undefined {
    return this.received.head.field(name);
  }

  get offersUpgrade(): boolean {
    return this.#takeOver !== undefined;
  }

  /** The caller went away: what is still written goes nowhere. */
  lose(): void {
    this.answer.lose();
    this.call.interrupt(new ConnectError("the caller went away", Code.Canceled));
  }

  takeOver(): UpgradeOffer {
    if (this.#takeOver === undefined) {
      throw new Error("the request does not ask for an upgrade");
    }
    const offer = this.#takeOver();
    writer(this.#response).detachSocket(offer.socket);
    return offer;
  }

  breakOff(): void {
    breakOff(this.#response);
  }

  get requestHeader(): Headers {
    this.#header ??= this.received.head.toHeaders();
    return this.#header;
  }

  get body(): AsyncIterable<Uint8Array> {
    return readBody(this.#request);
  }

  receive(receiver: BodyReceiver): void {
    const request = this.#request as IncomingMessage; // both classes are Readable, with overloads that differ
    const response = writer(this.#response);
    request.on("data", (bytes: Buffer) => {
      this.#unreadBytes += bytes.length;
      if (this.#unreadBytes > MAX_UNREAD_BYTES) {
        request.pause();
      }
      receiver.onData(bytes, false);
    });
    request.once("end", () => receiver.onEnd());
    response.on("drain", () => receiver.onRoom());
    response.once("close", () => receiver.onClose());
  }

  consumed(bytes: number): void {
    this.#unreadBytes -= bytes;
    if (this.#unreadBytes <= MAX_UNREAD_BYTES && this.#request.isPaused()) {
      this.#request.resume();
    }
  }

  hold(bytes: number): boolean {
    return this.#memory.hold(bytes);
  }

  nodeMessages(ownMembers: boolean): NodeMessages {
    if (this.#request instanceof Http2ServerRequest) {
      this.#request.headers.host ??= this.authority; // only Koa and Fastify know :authority
      if (ownMembers) {
        keepMembers(this.#request, Http2ServerRequest.prototype);
        keepMembers(this.#response, Http2ServerResponse.prototype);
      }
    }
    // What node:http2's compatibility classes lack of node:http's is not used by Koa, Express and Fastify.
    return { request: this.#request as IncomingMessage, response: writer(this.#response) };
  }

  setHeader(name: string, value: string): void {
    this.#response.setHeader(name, value);
  }

  vary(name: string): void {
    const present = this.#response.getHeader("vary");
    this.#response.setHeader("vary", present === undefined ? name : `${String(present)}, ${name}`);
  }

  sendHead(fields: FieldBlock | Lines, endStream: boolean, more: Lines = []): void {
    const lines = fields instanceof FieldBlock ? fields.lines : fields;
    this.#head = more.length === 0 ? lines : [...lines, ...more];
    if (endStream) {
      this.#writeHead(0);
      writer(this.#response).end();
    }
  }

  sendData(bytes: Uint8Array, endStream: boolean): boolean {
    const response = writer(this.#response);
    if (isGone(response)) {
      return true;
    }
    this.#writeHead(endStream ? bytes.byteLength : undefined);
    if (endStream) {
      response.end(bytes);
      return true;
    }
    return response.write(bytes);
  }

  sendTrailers(fields: FieldBlock | Lines): void {
    const response = writer(this.#response);
    if (isGone(response)) {
      return;
    }
    this.#writeHead(undefined);
    response.addTrailers(Object.fromEntries(fields));
    response.end();
  }

  /** @param length of the whole body, where that is known */
  #writeHead(length: number | undefined): void {
    const lines = this.#head;
    const response = writer(this.#response);
    this.#head = undefined;
    if (lines !== undefined && !isGone(response)) {
      this.#setFields(lines, length);
      response.writeHead(response.statusCode);
    }
  }

  #setFields(lines: Lines, length: number | undefined): void {
    const response = writer(this.#response);
    for (const [name, value] of lines) {
      if (name === ":status") {
        response.statusCode = Number(value);
      } else if (name === "set-cookie") {
        response.appendHeader(name, value);
      } else if (name === "vary") {
        this.vary(value);
      } else {
        response.setHeader(name, value);
      }
    }
    if (length !== undefined) {
      response.setHeader("content-length", length);
    }
  }

  async respond({ status, header, body, trailer }: ExchangeAnswer): Promise<void> {
    const response = writer(this.#response);
    if (isGone(response)) {
      return;
    }
    this.#setFields([[":status", String(status)], ...header], body instanceof Uint8Array ? body.byteLength : undefined);
    if (body !== undefined || trailer !== undefined) {
      response.writeHead(status); // else `end` writes the head, and ends an HTTP/2 stream with it: gRPC's Trailers-Only
    }
    if (body instanceof Uint8Array) {
      response.write(body);
    } else if (body !== undefined) {
      await writeAll(response, body);
    }
    if (isGone(response)) {
      return;
    }
    if (trailer !== undefined) {
      response.addTrailers(Object.fromEntries(trailer));
    }
    await new Promise<void>((resolve) => {
      response.once("finish", resolve);
      response.once("close", resolve);
      response.end();
    });
  }
}

async function writeAll(response: ServerResponse, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of body) {
    if (isGone(response)) {
      return; // leaving the loop closes the body's iterator
    }
    if (!response.write(chunk)) {
      await drained(response);
    }
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
}

function isGone(response: ServerResponse): boolean {
  return response.destroyed || response.closed || response.writableEnded;
}

async function* readBody(request: NodeRequest): AsyncIterable<Uint8Array> {
  try {
    // Leaving early must not destroy the request: over HTTP/1.1 its connection still carries the answer.
    // The two classes are both Readable, but TypeScript finds their overloads of iterator incompatible.
    yield* (request as IncomingMessage).iterator({ destroyOnReturn: false });
  } catch (cause) {
    throw new ConnectError("the caller went away", Code.Canceled, undefined, undefined, cause);
  }
}
