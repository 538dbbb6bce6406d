// Over 300 lines: node:http's ServerResponse is one interface, and every method of it is expected on the one object.
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { Writable } from "node:stream";
import { ErrorCode } from "../http2/index.ts";
import {
  addLines,
  errorOf,
  type FieldValue,
  type Line,
  pairsOf,
  validateField,
  type WrittenFields,
} from "./outgoing-fields.ts";
import type { WebPeer, WebRequest } from "./web-request.ts";

type Done = (error?: Error | null) => void;

const NO_BYTES = new Uint8Array(0);

/**
 * A response over the engine as web applications know it: node:http's ServerResponse in all that is used of it.
 *
 * The head goes out with the first bytes, at `end`, or by `flushHeaders`, as node:http's does. Bytes that are given to
 * `write` and `end` belong to the engine from then on, and must not be changed. `finish` comes when the last frame is in
 * the connection's output; `close` comes last. What is destroyed before its end is reset by INTERNAL_ERROR, so that the
 * peer does not take it for whole. Once the peer is gone, what is written goes nowhere.
 */
export class WebResponse extends Writable {
  statusCode = 200;
  /** Never sent: HTTP/2 has no reason phrase (RFC 9113, 8.3.2). */
  statusMessage: string | undefined = undefined;
  sendDate = true;
  readonly req: WebRequest;
  readonly #peer: WebPeer;
  readonly #headers = new Map<string, { readonly name: string; readonly value: FieldValue }>();
  #hasRemovedLength = false;
  /** The head is settled, and waits here until it is sent. */
  #head: Line[] | undefined;
  #hasHead = false;
  #isHeadSent = false;
  /** Neither a HEAD's answer nor a 204 or 304 has a body (RFC 9110, 6.4.1). */
  #hasBody = true;
  /** Of a body that is known whole before the head is settled. */
  #knownBytes: number | undefined;
  #trailers: Line[] | undefined;
  /** `end` has been called. */
  #isEnding = false;
  /** The stream was given its last frame. */
  #isEnded = false;
  /** Called when the stream has room again, or has sent all. */
  #waiting: Done | undefined;

  constructor(peer: WebPeer, request: WebRequest) {
    super();
    this.#peer = peer;
    this.req = request;
    peer.onDrain = () => {
      if (!this.#isEnded || peer.stream.isLocalEnded) {
        this.#resume();
      }
    };
  }

  get socket(): Socket {
    return this.#peer.socket;
  }

  get connection(): Socket {
    return this.#peer.socket;
  }

  /** `end` has been called. */
  get finished(): boolean {
    return this.writableEnded;
  }

  get headersSent(): boolean {
    return this.#hasHead;
  }

  /** Not public in node:http, but asked by middleware that was written before `headersSent`. */
  get _header(): boolean {
    return this.#hasHead;
  }

  /** Not public in node:http, but called by middleware that has to have the head settled. */
  _implicitHeader(): void {
    this.writeHead(this.statusCode);
  }

  setHeader(name: string, value: FieldValue): this {
    this.#refuseAfterHead("set");
    validateField(name, value);
    this.#headers.set(name.toLowerCase(), { name, value });
    return this;
  }

  setHeaders(headers: Headers | ReadonlyMap<string, FieldValue>): this {
    this.#refuseAfterHead("set");
    if (typeof headers?.get !== "function" || typeof headers[Symbol.iterator] !== "function") {
      throw errorOf(TypeError, "ERR_INVALID_ARG_TYPE", "headers are given as Headers or as a Map");
    }
    const cookies: string[] = []; // Headers gives them one by one
    for (const [name, value] of headers) {
      if (name === "set-cookie") {
        cookies.push(...[value].flat().map(String));
      } else {
        this.setHeader(name, value);
      }
    }
    return cookies.length === 0 ? this : this.setHeader("set-cookie", cookies);
  }

  appendHeader(name: string, value: FieldValue): this {
    this.#refuseAfterHead("append");
    const present = this.#headers.get(name.toLowerCase());
    return present === undefined
      ? this.setHeader(name, value)
      : this.setHeader(present.name, [present.value, value].flat().map(String));
  }

  getHeader(name: string): FieldValue | undefined {
    return this.#headers.get(name.toLowerCase())?.value;
  }

  /** By names in lower case. */
  getHeaders(): Record<string, FieldValue> {
    const headers = Object.create(null) as Record<string, FieldValue>; // as node:http's: without a prototype
    for (const [name, { value }] of this.#headers) {
      headers[name] = value;
    }
    return headers;
  }

  getHeaderNames(): string[] {
    return [...this.#headers.keys()];
  }

  getRawHeaderNames(): string[] {
    return Array.from(this.#headers.values(), ({ name }) => name);
  }

  hasHeader(name: string): boolean {
    return this.#headers.has(name.toLowerCase());
  }

  removeHeader(name: string): void {
    this.#refuseAfterHead("remove");
    const key = name.toLowerCase();
    this.#headers.delete(key);
    if (key === "content-length") {
      this.#hasRemovedLength = true;
    }
  }

  /**
   * Settles the head. Fields are an object, a list of names and values in turn, or a list of pairs; they go over those
   * that were set before.
   *
   * @throws ERR_HTTP_HEADERS_SENT, ERR_HTTP_INVALID_STATUS_CODE (also for 1xx, see {@link writeInformation}), and what
   *   {@link setHeader} throws
   */
  writeHead(statusCode: number, reason?: string | WrittenFields, headers?: WrittenFields): this {
    this.#refuseAfterHead("write");
    const status = Math.trunc(statusCode);
    if (!(status >= 200 && status <= 999)) {
      throw errorOf(RangeError, "ERR_HTTP_INVALID_STATUS_CODE", `Invalid status code: ${statusCode}`);
    }
    this.statusMessage = typeof reason === "string" ? reason : this.statusMessage || STATUS_CODES[status] || "unknown";
    this.statusCode = status;
    this.#setWritten(headers ?? (typeof reason === "string" ? undefined : reason));
    this.#hasBody = this.req.method !== "HEAD" && status !== 204 && status !== 304;
    this.#head = this.#render();
    this.#hasHead = true;
    return this;
  }

  flushHeaders(): void {
    if (this.destroyed) {
      return;
    }
    if (!this.#hasHead) {
      this._implicitHeader();
    }
    this.#sendHead(false);
  }

  override write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    if (this.writableEnded && !this.destroyed) {
      this.#refuseAfterEnd(typeof encoding === "function" ? encoding : callback);
      return false;
    }
    // Of what is no body, Writable throws; before a head that would then be in the way of another answer.
    if (!this.#hasHead && !this.destroyed && isBytes(chunk)) {
      this._implicitHeader();
    }
    // What else may be passed is Writable's to judge.
    return super.write(chunk, encoding as BufferEncoding, callback as Done);
  }

  /** Where the whole body is known by now, and nothing is said of its length, that is said, as node:http does. */
  override end(first?: unknown, second?: unknown, third?: unknown): this {
    const callback = [first, second, third].find((parameter) => typeof parameter === "function");
    const chunk = first === callback ? undefined : first;
    const encoding = second === callback ? undefined : second;
    const isEmpty = chunk === undefined || chunk === null || chunk === "";
    if (this.writableEnded && !this.destroyed && !isEmpty) {
      this.#refuseAfterEnd(callback);
      return this;
    }
    if (!this.#hasHead && !this.destroyed && (isEmpty || isBytes(chunk))) {
      this.#knownBytes = isEmpty ? 0 : byteLength(chunk, encoding);
      this._implicitHeader();
    }
    if (isEmpty || isBytes(chunk)) {
      this.#isEnding = true;
    }
    // What else may be passed is looked at by Writable itself.
    return super.end(isEmpty ? undefined : chunk, encoding as BufferEncoding, callback as () => void);
  }

  /** Trailers, to be sent behind the body. An answer without a body has none. */
  addTrailers(trailers: WrittenFields): void {
    const lines: Line[] = [];
    for (const [name, value] of pairsOf(trailers)) {
      validateField(name, value);
      addLines(lines, name.toLowerCase(), value);
    }
    this.#trailers = lines.length === 0 ? undefined : lines;
  }

  writeContinue(callback?: () => void): void {
    this.writeInformation(100, undefined, callback);
  }

  writeProcessing(callback?: () => void): void {
    this.writeInformation(102, undefined, callback);
  }

  /** Sends 103 with what `hints` has; nothing where they have no link. */
  writeEarlyHints(hints: Readonly<Record<string, string | readonly string[]>>, callback?: () => void): void {
    const { link, ...others } = hints;
    if (link !== undefined && link !== null && link.length > 0) {
      this.writeInformation(103, { link: [link].flat().join(", "), ...others }, callback);
    }
  }

  /** Sends an interim response (RFC 9110, 15.2), 1xx but 101, which HTTP/2 does not have (RFC 9113, 8.6). */
  writeInformation(statusCode: number, headers?: WrittenFields | (() => void), callback?: () => void): void {
    this.#refuseAfterHead("write");
    if (!(Number.isInteger(statusCode) && statusCode >= 100 && statusCode <= 199 && statusCode !== 101)) {
      throw errorOf(RangeError, "ERR_HTTP_INVALID_STATUS_CODE", `Invalid status code: ${statusCode}`);
    }
    const lines: Line[] = [[":status", String(statusCode)]];
    for (const [name, value] of pairsOf(typeof headers === "function" ? undefined : headers)) {
      validateField(name, value);
      addLines(lines, name.toLowerCase(), value);
    }
    this.#peer.stream.sendInformation(lines);
    const done = typeof headers === "function" ? headers : callback;
    if (done !== undefined) {
      process.nextTick(done);
    }
  }

  setTimeout(timeoutMs: number, callback?: () => void): this {
    if (callback !== undefined) {
      this.on("timeout", callback);
    }
    this.#peer.setTimeout(timeoutMs);
    return this;
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: Done): void {
    const { stream } = this.#peer;
    this.#peer.onActivity();
    if (!this.#hasBody) {
      callback();
      return;
    }
    this.#sendHead(false);
    const isLast = this.#isEnding && this.#trailers === undefined && this.writableLength === chunk.byteLength;
    if (chunk.byteLength === 0 && !isLast) {
      callback(); // an empty frame says nothing, and too many are abuse
      return;
    }
    this.#isEnded = isLast;
    // Whoever wrote it may use its buffer again once the callback was called, and the engine keeps what it is given.
    const hasRoom = stream.sendData(isLast ? chunk : Buffer.from(chunk), isLast);
    if (isLast || (hasRoom && !stream.isClosed)) {
      callback();
    } else {
      this.#waiting = callback; // a closed stream has room for nothing: its destruction follows, and calls it
    }
  }

  override _final(callback: Done): void {
    const { stream } = this.#peer;
    this.#sendHead(this.#trailers === undefined);
    if (!this.#isEnded) {
      this.#isEnded = true;
      if (this.#trailers === undefined) {
        stream.sendData(NO_BYTES, true);
      } else {
        stream.sendTrailers(this.#trailers);
      }
    }
    if (stream.isLocalEnded) {
      callback();
    } else {
      this.#waiting = callback; // until all is sent; or for good, where the peer is gone
    }
  }

  override _destroy(error: Error | null, callback: Done): void {
    const { stream } = this.#peer;
    if (!stream.isLocalEnded && !stream.isClosed) {
      stream.reset(ErrorCode.INTERNAL_ERROR);
    }
    this.#peer.onResponseOver();
    if (this.#waiting === undefined && error === null) {
      callback();
      return;
    }
    process.nextTick(() => {
      this.#resume();
      callback(this.listenerCount("error") > 0 ? error : null); // node:http's never fails where nobody listens
    });
  }

  #resume(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  #sendHead(endStream: boolean): void {
    if (this.#isHeadSent || this.#head === undefined) {
      return;
    }
    const { stream } = this.#peer;
    this.#isHeadSent = true;
    this.#isEnded = endStream || !this.#hasBody;
    stream.sendHead(this.#head, this.#isEnded);
    this.#head = undefined;
  }

  #setWritten(fields: WrittenFields | undefined): void {
    const pairs = pairsOf(fields);
    if (Array.isArray(fields)) {
      for (const [name] of pairs) {
        this.#headers.delete(name.toLowerCase()); // a list may name a field more than once
      }
    }
    for (const [name, value] of pairs) {
      // undefined is refused by both
      this[Array.isArray(fields) ? "appendHeader" : "setHeader"](name, value as FieldValue);
    }
  }

  #render(): Line[] {
    const lines: Line[] = [[":status", String(this.statusCode)]];
    for (const [name, { value }] of this.#headers) {
      if (name !== "content-length" || this.statusCode !== 204) {
        addLines(lines, name, value); // a 204 has no length (RFC 9110, 8.6)
      }
    }
    if (this.sendDate && !this.#headers.has("date")) {
      lines.push(["date", new Date().toUTCString()]);
    }
    const saysLength = this.#headers.has("content-length") || this.#hasRemovedLength;
    const hasTrailers = this.#trailers !== undefined || this.#headers.has("trailer");
    if (this.#knownBytes !== undefined && this.#hasBody && !saysLength && !hasTrailers) {
      lines.push(["content-length", String(this.#knownBytes)]);
    }
    return lines;
  }

  #refuseAfterHead(action: string): void {
    if (this.#hasHead) {
      const message = `Cannot ${action} headers after they are sent to the client`;
      throw errorOf(Error, "ERR_HTTP_HEADERS_SENT", message);
    }
  }

  /** As node:http, tells whoever writes too late by an event; what was written in time is not harmed. */
  #refuseAfterEnd(callback: unknown): void {
    const error = errorOf(Error, "ERR_STREAM_WRITE_AFTER_END", "write after end");
    process.nextTick(() => {
      if (typeof callback === "function") {
        callback(error);
      }
      if (this.listenerCount("error") > 0) {
        this.emit("error", error);
      }
    });
  }
}

function isBytes(chunk: unknown): chunk is string | NodeJS.ArrayBufferView {
  return typeof chunk === "string" || ArrayBuffer.isView(chunk);
}

function byteLength(chunk: unknown, encoding: unknown): number {
  if (typeof chunk === "string") {
    // An encoding that there is none of is refused by Writable.
    return Buffer.byteLength(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8");
  }
  return ArrayBuffer.isView(chunk) ? chunk.byteLength : 0;
}
