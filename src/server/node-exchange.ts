import type { IncomingMessage } from "node:http";
import { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import type { BodyReceiver } from "../wire/exchange.ts";
import type { NodeAnswer } from "./answer-watch.ts";
import type { UpgradeOffer } from "./http1-server.ts";
import type { RequestMemory } from "./memory-account.ts";
import { breakOff, keepMembers, type NodeRequest, type NodeResponse, writer } from "./node-messages.ts";
import { NodeWriter } from "./node-writer.ts";
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
  readonly answer: NodeAnswer;
  readonly memory: RequestMemory;
  readonly isClosing: () => boolean;
  readonly isHeadTooLarge: boolean;
  /** Gives the connection away; undefined where the request does not ask for that. */
  readonly takeOver: (() => UpgradeOffer) | undefined;
}

/** An exchange over node:http, or over node:http2's compatibility classes. */
export class NodeExchange extends NodeWriter implements ServedExchange {
  readonly call: ActiveCall;
  readonly received: Received;
  readonly isHeadTooLarge: boolean;
  plan: unknown;
  place = -1;
  readonly #request: NodeRequest;
  readonly #response: NodeResponse;
  readonly #memory: RequestMemory;
  readonly #takeOver: (() => UpgradeOffer) | undefined;
  #header: Headers | undefined;
  #receiver: BodyReceiver | undefined;
  #hasContinued = false;
  /** What the receiver has of the body and not acknowledged. */
  #unreadBytes = 0;

  constructor(parts: NodeExchangeParts) {
    super(parts.request, parts.response, parts.answer, parts.isClosing);
    this.call = parts.call;
    this.received = parts.received;
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

  /** The response is over. */
  close(): void {
    this.#memory.release();
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
    return readBody(this.#request, () => this.#continue());
  }

  /** A caller that waits for leave to send its body gets it once somebody wants the body (RFC 9110, 10.1.1). */
  #continue(): void {
    const isAsked = EXPECTS_CONTINUE.test(this.field("expect") ?? "") && this.httpVersion !== "1.0";
    if (isAsked && !this.#hasContinued && !this.#response.headersSent) {
      this.#hasContinued = true;
      writer(this.#response).writeContinue();
    }
  }

  receive(receiver: BodyReceiver): void {
    const request = this.#request as IncomingMessage; // both classes are Readable, with overloads that differ
    const expected = Number(this.field("content-length") ?? Number.NaN);
    let received = 0;
    this.#continue();
    this.#receiver = receiver;
    request.on("data", (bytes: Buffer) => {
      received += bytes.length;
      this.#unreadBytes += bytes.length;
      if (this.#unreadBytes > MAX_UNREAD_BYTES) {
        request.pause();
      }
      receiver.onData(bytes, received === expected);
    });
    request.on("end", () => receiver.onEnd());
  }

  protected override onRoom(): void {
    this.#receiver?.onRoom();
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
    this.#continue();
    this.leaveToOthers();
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
}

/** As node:http looks for it. */
const EXPECTS_CONTINUE = /(?:^|\W)100-continue(?:$|\W)/i;

/** @param onStart told before the first of it is read */
async function* readBody(request: NodeRequest, onStart: () => void): AsyncIterable<Uint8Array> {
  onStart();
  try {
    // Leaving early must not destroy the request: over HTTP/1.1 its connection still carries the answer.
    // The two classes are both Readable, but TypeScript finds their overloads of iterator incompatible.
    yield* (request as IncomingMessage).iterator({ destroyOnReturn: false });
  } catch (cause) {
    throw new ConnectError("the caller went away", Code.Canceled, undefined, undefined, cause);
  }
}
