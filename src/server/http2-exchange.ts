import type { IncomingMessage, ServerResponse } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import { ErrorCode, FieldBlock, type Lines } from "../http2/index.ts";
import type { BodyReceiver, ExchangeAnswer } from "../wire/exchange.ts";
import { AnswerFields } from "./answer-fields.ts";
import type { UpgradeOffer } from "./http1-server.ts";
import type { ClosableExchange, Http2Request } from "./http2-request.ts";
import { type RequestMemory, requestMemory } from "./memory-account.ts";
import { streamLines } from "./outgoing-fields.ts";
import type { Received } from "./received.ts";
import type { NodeMessages } from "./served-exchange.ts";
import type { StreamAnswer } from "./stream-answer.ts";
import { keepWebMembers, webMessages } from "./web-messages.ts";

const NOTHING = new Uint8Array(0);
const CONTINUE = [[":status", "100"]] as const;
const NO_LINES: Lines = [];

/** An exchange on a stream of our own engine. */
export class Http2Exchange implements ClosableExchange {
  readonly call: ActiveCall;
  readonly httpVersion = "2.0";
  readonly offersUpgrade = false;
  place = -1;
  readonly #request: Http2Request;
  #memory: RequestMemory | undefined;
  /** Fields for the answer, whoever writes it. */
  readonly #fields = new AnswerFields();
  #hasContinued = false;
  #header: Headers | undefined;

  constructor(request: Http2Request, call: ActiveCall) {
    this.call = call;
    this.#request = request;
  }

  get received(): Received {
    return this.#request.received;
  }

  get answer(): StreamAnswer {
    return this.#request.answer;
  }

  get method(): string {
    return this.#request.received.head.method;
  }

  get path(): string {
    return this.#request.received.path;
  }

  get query(): string {
    return this.#request.received.query;
  }

  get authority(): string {
    return this.#request.received.authority;
  }

  get scheme(): "http" | "https" {
    return this.#request.received.scheme;
  }

  get plan(): unknown {
    return this.#request.received.plan;
  }

  set plan(plan: unknown) {
    this.#request.received.plan = plan;
  }

  get isHeadTooLarge(): boolean {
    return this.#request.stream.isHeadTooLarge;
  }

  isComplete(): boolean {
    return this.#request.stream.isRemoteEnded;
  }

  /** The stream is over. */
  close(): void {
    this.#memory?.release();
    if (!this.answer.finished) {
      this.call.interrupt(new ConnectError("the caller went away", Code.Canceled));
    }
  }

  takeOver(): UpgradeOffer {
    throw new Error("a stream of HTTP/2 cannot be upgraded");
  }

  breakOff(): void {
    this.#request.stream.reset(ErrorCode.INTERNAL_ERROR);
  }

  field(name: string): string | undefined {
    return this.#request.received.head.field(name);
  }

  get requestHeader(): Headers {
    this.#header ??= this.#request.received.head.toHeaders();
    return this.#header;
  }

  get body(): AsyncIterable<Uint8Array> {
    this.#continue();
    return this.#request.body;
  }

  receive(receiver: BodyReceiver): void {
    this.#continue();
    this.#request.receive(receiver);
  }

  consumed(bytes: number): void {
    this.#request.stream.consumed(bytes);
  }

  hold(bytes: number): boolean {
    if (this.#memory === undefined) {
      if (bytes === 0) {
        return true;
      }
      const { memory, connection } = this.#request.shared;
      this.#memory = requestMemory(memory, connection);
    }
    return this.#memory.hold(bytes);
  }

  nodeMessages(ownMembers: boolean): NodeMessages {
    this.#continue();
    const { received, stream, answer, shared } = this.#request;
    const { head } = received;
    const webHead = { method: head.method, path: stream.head?.path, authority: this.authority, fields: head.fields };
    const { socket } = shared.connection;
    const { request, response, listener } = webMessages(answer, { head: webHead, socket, clock: this.call.clock });
    if (ownMembers) {
      keepWebMembers(request, response);
    }
    for (const [name, value] of this.#fields.lines) {
      response.setHeader(name, value);
    }
    this.#request.handOver(listener);
    // They have what Koa, Express and Fastify use of node:http's.
    return { request: request as unknown as IncomingMessage, response: response as unknown as ServerResponse };
  }

  /** A caller that waits for leave to send its body gets it once somebody wants the body (RFC 9110, 10.1.1). */
  #continue(): void {
    const { stream, answer } = this.#request;
    if (
      !stream.isRemoteEnded &&
      !this.#hasContinued &&
      !answer.begun &&
      this.field("expect")?.toLowerCase() === "100-continue"
    ) {
      this.#hasContinued = true;
      stream.sendInformation(CONTINUE);
    }
  }

  setHeader(name: string, value: string): void {
    this.#fields.set(name, value);
  }

  vary(name: string): void {
    this.#fields.vary(name);
  }

  sendHead(fields: FieldBlock | Lines, endStream: boolean, more: Lines = NO_LINES): void {
    const { answer } = this.#request;
    if (fields instanceof FieldBlock) {
      const { lines } = this.#fields;
      answer.sendHead(fields, endStream, more.length === 0 ? lines : [...lines, ...more]);
    } else {
      answer.sendHead(this.#fields.mergedWith(streamLines(fields)), endStream, more);
    }
  }

  sendData(bytes: Uint8Array, endStream: boolean): boolean {
    return this.#request.answer.sendData(bytes, endStream);
  }

  sendTrailers(fields: FieldBlock | Lines): void {
    const { answer } = this.#request;
    const trailers = fields instanceof FieldBlock ? fields : streamLines(fields);
    if (Array.isArray(trailers) && trailers.length === 0) {
      answer.sendData(NOTHING, true);
    } else {
      answer.sendTrailers(trailers);
    }
  }

  async respond({ status, header, body, trailer }: ExchangeAnswer): Promise<void> {
    const { answer } = this.#request;
    const hasBody = body !== undefined && this.method !== "HEAD" && status !== 204 && status !== 304;
    const length: Lines =
      body instanceof Uint8Array && !header.has("content-length") ? [["content-length", String(body.byteLength)]] : [];
    const isAll = !hasBody && trailer === undefined; // gRPC's Trailers-Only
    this.sendHead([[":status", String(status)], ...header], isAll, length);
    if (!isAll) {
      if (hasBody) {
        await (body instanceof Uint8Array ? this.#send(body) : this.#sendAll(body));
      }
      this.sendTrailers(trailer === undefined ? NO_LINES : [...trailer]);
    }
    while (!answer.isClosed && answer.pendingBytes > 0) {
      await this.#room();
    }
  }

  async #send(bytes: Uint8Array): Promise<void> {
    if (!this.#request.answer.sendData(bytes, false)) {
      await this.#room();
    }
  }

  async #sendAll(body: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of body) {
      if (this.#request.answer.isClosed) {
        return; // leaving the loop closes the body's iterator
      }
      await this.#send(chunk);
    }
  }

  /** Resolves when there is room for more, or the stream is closed. */
  #room(): Promise<void> {
    if (this.#request.answer.isClosed) {
      return Promise.resolve(); // sending may have ended it, for what its peer does not read
    }
    return new Promise((resolve) => {
      this.#request.onRoom = () => {
        this.#request.onRoom = undefined;
        resolve();
      };
    });
  }
}
