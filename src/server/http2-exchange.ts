import type { IncomingMessage, ServerResponse } from "node:http";
import type { ActiveCall } from "../call/call.ts";
import { ErrorCode } from "../http2/index.ts";
import type { ExchangeAnswer } from "../wire/exchange.ts";
import type { UpgradeOffer } from "./http1-server.ts";
import type { Http2Request } from "./http2-request.ts";
import { isConnectionField } from "./outgoing-fields.ts";
import type { ClientView } from "./proxies.ts";
import type { NodeMessages, ServedExchange } from "./served-exchange.ts";
import { readTarget, splitUrl, type Target } from "./target.ts";
import { keepWebMembers, webMessages } from "./web-messages.ts";

const NOTHING = new Uint8Array(0);
const CONTINUE = [[":status", "100"]] as const;

/** An exchange on a stream of our own engine. */
export class Http2Exchange implements ServedExchange {
  readonly call: ActiveCall;
  readonly httpVersion = "2.0";
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly scheme: "http" | "https";
  readonly authority: string;
  readonly target: Target | undefined;
  readonly isHeadTooLarge: boolean;
  readonly offersUpgrade = false;
  readonly #request: Http2Request;
  /** Fields for the answer, whoever writes it. */
  readonly #fields = new Map<string, string>();
  #hasContinued = false;
  #header: Headers | undefined;

  constructor(request: Http2Request, call: ActiveCall, client: ClientView) {
    const { head } = request;
    this.call = call;
    this.#request = request;
    this.target = readTarget(head, client);
    this.isHeadTooLarge = request.stream.isHeadTooLarge;
    this.method = head.method;
    this.path = this.target?.path ?? splitUrl(head.url).path;
    this.query = this.target?.query ?? "";
    this.authority = this.target?.authority ?? "";
    this.scheme = this.target?.scheme ?? ("encrypted" in request.connection.socket ? "https" : "http");
  }

  takeOver(): UpgradeOffer {
    throw new Error("a stream of HTTP/2 cannot be upgraded");
  }

  breakOff(): void {
    this.#request.stream.reset(ErrorCode.INTERNAL_ERROR);
  }

  get requestHeader(): Headers {
    this.#header ??= this.#request.head.toHeaders();
    return this.#header;
  }

  get body(): AsyncIterable<Uint8Array> {
    this.#continue();
    return this.#request.body;
  }

  hold(bytes: number): boolean {
    return this.#request.memory.hold(bytes);
  }

  nodeMessages(ownMembers: boolean): NodeMessages {
    this.#continue();
    const { head, stream, answer, connection } = this.#request;
    const webHead = { method: head.method, path: stream.head?.path, authority: this.authority, fields: head.fields };
    const { socket } = connection;
    const { request, response, listener } = webMessages(answer, { head: webHead, socket, clock: this.call.clock });
    if (ownMembers) {
      keepWebMembers(request, response);
    }
    for (const [name, value] of this.#fields) {
      response.setHeader(name, value);
    }
    this.#request.handOver(listener);
    // They have what Koa, Express and Fastify use of node:http's.
    return { request: request as unknown as IncomingMessage, response: response as unknown as ServerResponse };
  }

  /** A caller that waits for leave to send its body gets it once somebody wants the body (RFC 9110, 10.1.1). */
  #continue(): void {
    const { head, stream, answer } = this.#request;
    if (
      !this.#hasContinued &&
      !answer.begun &&
      !stream.isRemoteEnded &&
      head.field("expect")?.toLowerCase() === "100-continue"
    ) {
      this.#hasContinued = true;
      stream.sendInformation(CONTINUE);
    }
  }

  setHeader(name: string, value: string): void {
    this.#fields.set(name, value);
  }

  vary(name: string): void {
    const present = this.#fields.get("vary");
    this.#fields.set("vary", present === undefined ? name : `${present}, ${name}`);
  }

  async respond({ status, header, body, trailer }: ExchangeAnswer): Promise<void> {
    const { answer } = this.#request;
    const hasBody = body !== undefined && this.method !== "HEAD" && status !== 204 && status !== 304;
    const lines = this.#lines(status, header, body);
    if (!hasBody && trailer === undefined) {
      answer.sendHead(lines, true); // gRPC's Trailers-Only
    } else {
      answer.sendHead(lines, false);
      if (hasBody) {
        await (body instanceof Uint8Array ? this.#send(body) : this.#sendAll(body));
      }
      const trailers = trailer === undefined ? [] : [...trailer].filter(([name]) => !isConnectionField(name));
      if (trailers.length > 0) {
        answer.sendTrailers(trailers);
      } else {
        answer.sendData(NOTHING, true);
      }
    }
    while (!answer.isClosed && answer.pendingBytes > 0) {
      await this.#room();
    }
  }

  #lines(status: number, header: Headers, body: ExchangeAnswer["body"]): readonly (readonly [string, string])[] {
    const lines: (readonly [string, string])[] = [[":status", String(status)]];
    const fields = this.#fields;
    for (const line of header) {
      const [name, value] = line;
      if (name === "vary") {
        this.vary(value);
      } else if (!isConnectionField(name)) {
        fields.delete(name); // whoever answers knows best
        lines.push(line);
      }
    }
    lines.push(...fields);
    if (body instanceof Uint8Array && !header.has("content-length")) {
      lines.push(["content-length", String(body.byteLength)]);
    }
    return lines;
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
