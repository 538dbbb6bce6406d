import { IncomingMessage, ServerResponse } from "node:http";
import { FieldBlock, type Lines } from "../http2/index.ts";
import type { ExchangeAnswer } from "../wire/exchange.ts";
import { beforeHead, closeAfterAnswer } from "./after-answer.ts";
import { AnswerFields } from "./answer-fields.ts";
import type { NodeAnswer } from "./answer-watch.ts";
import { type NodeRequest, type NodeResponse, writer } from "./node-messages.ts";

/** A body that is as long, or shorter, is written together with its head. */
const ONE_WRITE_BYTES = 4 * 1024;

/** Writes an answer by node:http, or by node:http2's compatibility class. */
export class NodeWriter {
  readonly answer: NodeAnswer;
  readonly #request: NodeRequest;
  readonly #response: NodeResponse;
  readonly #isClosing: () => boolean;
  /** Fields for the answer, whoever writes it. */
  readonly #fields = new AnswerFields();
  /** The head that goes out with the first part of the body. */
  #head: Lines | undefined;

  /** @param isClosing whether the port has its peers leave */
  constructor(request: NodeRequest, response: NodeResponse, answer: NodeAnswer, isClosing: () => boolean) {
    this.#request = request;
    this.#response = response;
    this.answer = answer;
    this.#isClosing = isClosing;
  }

  /** There is room for more of the answer. */
  protected onRoom(): void {
    // for whoever waits for it
  }

  /** Has an application write the answer, in the place of this. */
  protected leaveToOthers(): void {
    this.answer.watch();
    this.#setHead();
    if (this.#request instanceof IncomingMessage) {
      beforeHead(writer(this.#response), () => this.#closeAfterAnswer());
    }
  }

  #closeAfterAnswer(): void {
    if (this.#request instanceof IncomingMessage) {
      closeAfterAnswer(this.#request, writer(this.#response), this.#isClosing());
    }
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
      response.once("drain", () => this.onRoom());
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

  /** @param bodyBytes of the whole body, where that is known */
  #writeHead(bodyBytes: number | undefined): void {
    const lines = this.#head;
    this.#head = undefined;
    if (lines === undefined || this.#isGone) {
      return;
    }
    this.#closeAfterAnswer();
    const merged = this.#fields.mergedWith(lines);
    // Only a body in chunks may be followed by trailers: node:http throws where they are announced for another.
    const isInChunks = merged.some(([name]) => name === "trailer");
    const length = isInChunks ? undefined : bodyBytes;
    const flat: string[] = [];
    for (const [name, value] of merged) {
      if (name !== ":status" && !(name === "content-length" && (isInChunks || length !== undefined))) {
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
