import { IncomingMessage, ServerResponse } from "node:http";
import { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import { FieldBlock, type Lines } from "../http2/index.ts";
import type { BodyReceiver, ExchangeAnswer } from "../wire/exchange.ts";
import { beforeHead, closeAfterAnswer } from "./after-answer.ts";
import { AnswerFields } from "./answer-fields.ts";
import type { NodeAnswer } from "./answer-watch.ts";
import type { UpgradeOffer } from "./http1-server.ts";
import type { RequestMemory } from "./memory-account.ts";
import { breakOff, keepMembers, type NodeRequest, type NodeResponse, writer } from "./node-messages.ts";
import type { Received } from "./received.ts";
import type { NodeMessages, ServedExchange } from "./served-exchange.ts";

/** What a receiver may have of a body before no more of it is read. */
const MAX_UNREAD_BYTES = 64 * 1024;

/** A body that is as long, or shorter, is written together with its head. */
const ONE_WRITE_BYTES = 4 * 1024;

/** What a {@link NodeExchange} is made of. */
export interface NodeExchangeParts {
  readonly call: ActiveCall;
  readonly request: NodeRequest;
  readonly response: NodeResponse;
  readonly received: Received;
  readonly answer: NodeAnswer;
  readonly memory: RequestMemory;
  readonly isClosing: () => boolean;
  readonly isHeadTooLarge: boolean;
  /** Gives the connection away; undefined where the request does not ask for that. */
  readonly takeOver: (() => UpgradeOffer) | undefined;
}

/** An exchange over node:http, or over node:http2's compatibility classes. */
export class NodeExchange implements ServedExchange {
  readonly call: ActiveCall;
  readonly received: Received;
  readonly answer: NodeAnswer;
  readonly isHeadTooLarge: boolean;
  plan: unknown;
  place = -1;
  readonly #request: NodeRequest;
  readonly #response: NodeResponse;
  readonly #memory: RequestMemory;
  readonly #isClosing: () => boolean;
  readonly #takeOver: (() => UpgradeOffer) | undefined;
  #header: Headers | undefined;
  /** Fields for the answer, whoever writes it. */
  readonly #fields = new AnswerFields();
  #receiver: BodyReceiver | undefined;
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
    this.#isClosing = parts.isClosing;
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

  /** The response is over. */
  close(): void {
    if (!this.answer.finished) {
      this.lose();
    }
    this.#receiver?.onClose();
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
    const expected = Number(this.field("content-length") ?? Number.NaN);
    let received = 0;
    this.#receiver = receiver;
    request.on("data", (bytes: Buffer) => {
      received += bytes.length;
      this.#unreadBytes += bytes.length;
      if (this.#unreadBytes > MAX_UNREAD_BYTES) {
        request.pause();
      }
      receiver.onData(bytes, received === expected);
    });
    request.once("end", () => receiver.onEnd());
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

  #closeAfterAnswer(): void {
    if (this.#request instanceof IncomingMessage) {
      closeAfterAnswer(this.#request, writer(this.#response), this.#isClosing());
    }
  }

  nodeMessages(ownMembers: boolean): NodeMessages {
    this.answer.watch();
    this.#setHead();
    if (this.#request instanceof IncomingMessage) {
      beforeHead(writer(this.#response), () => this.#closeAfterAnswer());
    }
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
    this.#fields.set(name, value);
  }

  vary(name: string): void {
    this.#fields.vary(name);
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
    if (this.#isGone) {
      return true;
    }
    this.#writeHead(endStream ? bytes.byteLength : undefined);
    this.answer.count(bytes.byteLength);
    if (endStream) {
      end(response, bytes);
      return true;
    }
    const hasRoom = response.write(bytes);
    if (!hasRoom) {
      response.once("drain", () => this.#receiver?.onRoom());
    }
    return hasRoom;
  }

  sendTrailers(fields: FieldBlock | Lines): void {
    const response = writer(this.#response);
    if (this.#isGone) {
      return;
    }
    this.#writeHead(undefined);
    addTrailers(response, fields);
    response.end();
  }

  /** @param length of the whole body, where that is known */
  #writeHead(length: number | undefined): void {
    const lines = this.#head;
    this.#head = undefined;
    if (lines === undefined || this.#isGone) {
      return;
    }
    this.#closeAfterAnswer();
    const flat: string[] = [];
    for (const [name, value] of this.#fields.mergedWith(lines)) {
      if (name !== ":status" && !(name === "content-length" && length !== undefined)) {
        flat.push(name, value);
      }
    }
    if (length !== undefined) {
      flat.push("content-length", String(length));
    }
    writer(this.#response).writeHead(Number(lines[0]?.[1]), flat);
  }

  /** Has the response know its head, for whoever writes it. */
  #setHead(): void {
    const response = writer(this.#response);
    for (const [name, value] of this.#fields.mergedWith(this.#head ?? [])) {
      if (name === ":status") {
        response.statusCode = Number(value);
      } else if (response.hasHeader(name)) {
        response.appendHeader(name, value);
      } else {
        response.setHeader(name, value);
      }
    }
    this.#head = undefined;
  }

  async respond({ status, header, body, trailer }: ExchangeAnswer): Promise<void> {
    const response = writer(this.#response);
    if (this.#isGone) {
      return;
    }
    const isEmpty = body === undefined && trailer === undefined;
    this.#head = [[":status", String(status)], ...header];
    if (isEmpty && !(response instanceof ServerResponse)) {
      this.#setHead(); // `end` writes it, and ends an HTTP/2 stream with it: gRPC's Trailers-Only
    } else {
      this.#writeHead(body instanceof Uint8Array ? body.byteLength : undefined);
    }
    if (body instanceof Uint8Array) {
      this.answer.count(body.byteLength);
      response.write(body);
    } else if (body !== undefined) {
      await this.#writeAll(response, body);
    }
    if (this.#isGone) {
      return;
    }
    if (trailer !== undefined) {
      addTrailers(response, trailer);
    }
    await new Promise<void>((resolve) => {
      response.once("finish", resolve);
      response.once("close", resolve);
      response.end();
    });
  }

  async #writeAll(response: ServerResponse, body: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of body) {
      if (this.#isGone) {
        return; // leaving the loop closes the body's iterator
      }
      this.answer.count(chunk.byteLength);
      if (!response.write(chunk)) {
        await drained(response);
      }
    }
  }

  /** Nobody takes what is written any more. */
  get #isGone(): boolean {
    const response = writer(this.#response);
    return this.answer.isLost || response.destroyed || response.closed || response.writableEnded;
  }
}

/** node:http takes pairs, so that a name may come twice; node:http2's compatibility class does not. */
function addTrailers(response: ServerResponse, fields: Iterable<readonly [string, string]>): void {
  response.addTrailers(
    response instanceof ServerResponse
      ? Array.from(fields, ([name, value]): [string, string] => [name, value])
      : Object.fromEntries(fields),
  );
}

/** A short body goes out with its head as one text: node:http writes them by one plain write then. */
function end(response: ServerResponse, bytes: Uint8Array): void {
  if (bytes.byteLength <= ONE_WRITE_BYTES) {
    response.end(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1"), "latin1");
  } else {
    response.end(bytes);
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

async function* readBody(request: NodeRequest): AsyncIterable<Uint8Array> {
  try {
    // Leaving early must not destroy the request: over HTTP/1.1 its connection still carries the answer.
    // The two classes are both Readable, but TypeScript finds their overloads of iterator incompatible.
    yield* (request as IncomingMessage).iterator({ destroyOnReturn: false });
  } catch (cause) {
    throw new ConnectError("the caller went away", Code.Canceled, undefined, undefined, cause);
  }
}
