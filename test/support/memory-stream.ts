import { Socket } from "node:net";
import { HeaderField } from "../../src/http2/header-field.ts";
import { ErrorCode, type FieldLines, type StreamListener } from "../../src/http2/index.ts";
import { type WebMessages, webMessages } from "../../src/server/web-messages.ts";
import type { WebStream } from "../../src/server/web-request.ts";
import { createTestClock } from "../../src/service/test-clock.ts";

/** What a stream may have waiting before its user is told to wait. */
const PENDING_BYTES = 64 * 1024;

/** A server's stream as the engine has it, without a connection: its other side is the test. */
export class MemoryStream implements WebStream {
  listener: StreamListener | undefined;
  isClosed = false;
  isLocalEnded = false;
  /** What was sent, in the order of the engine's frames: "103", "200", "DATA 5", "trailers", with " END" at the last. */
  readonly sent: string[] = [];
  readonly resets: number[] = [];
  fields: [name: string, value: string][] = [];
  readonly interim: [name: string, value: string][][] = [];
  trailers: [name: string, value: string][] | undefined;
  acknowledgedBytes = 0;
  /** What the peer still takes of bodies. */
  windowBytes = Number.POSITIVE_INFINITY;
  readonly #body: Uint8Array[] = [];
  readonly #waiting: (() => number)[] = [];
  #pendingBytes = 0;
  #isHeld = false;
  #isRemoteEnded = false;

  /** The answer's body, as far as it was sent. */
  get body(): Buffer {
    return Buffer.concat(this.#body);
  }

  get header(): Headers {
    return new Headers(this.fields.filter(([name]) => !name.startsWith(":")));
  }

  get status(): number {
    return Number(this.fields[0]?.[1]);
  }

  // The application's side.

  sendInformation(fields: FieldLines): void {
    this.interim.push(linesOf(fields));
    this.sent.push(String(this.interim.at(-1)?.[0]?.[1]));
  }

  sendHead(fields: FieldLines, endStream: boolean): void {
    if (this.isClosed) return;
    this.fields = linesOf(fields);
    this.#frame(String(this.status), endStream);
  }

  sendData(bytes: Uint8Array, endStream: boolean): boolean {
    if (this.isClosed || this.isLocalEnded) return true;
    this.#pendingBytes += bytes.length;
    let left = bytes;
    this.#waiting.push(() => {
      const length = Math.min(left.length, this.windowBytes);
      this.windowBytes -= length;
      this.#pendingBytes -= length;
      this.#body.push(left.subarray(0, length));
      left = left.subarray(length);
      if (length > 0 || left.length === 0) this.#frame(`DATA ${length}`, endStream && left.length === 0);
      return left.length;
    });
    this.grant(0);
    this.#isHeld = this.#pendingBytes > PENDING_BYTES;
    return !this.#isHeld;
  }

  sendTrailers(fields: FieldLines): void {
    this.#waiting.push(() => {
      this.trailers = linesOf(fields);
      this.#frame("trailers", true);
      return 0;
    });
    this.grant(0);
  }

  reset(code: number): void {
    if (this.isClosed) return;
    this.resets.push(code);
    this.close({ code, byPeer: false, isUnprocessed: false, reason: "it was reset here" });
  }

  consumed(bytes: number): void {
    this.acknowledgedBytes += bytes;
  }

  // The peer's side.

  /** Opens the window by so many bytes. */
  grant(bytes: number): void {
    this.windowBytes += bytes;
    while (this.#waiting[0] !== undefined && !this.isClosed && this.#waiting[0]() === 0) this.#waiting.shift();
    if (this.#isHeld && this.#pendingBytes <= PENDING_BYTES && !this.isClosed) {
      this.#isHeld = false;
      this.listener?.onDrain();
    }
  }

  send(bytes: string | Uint8Array): void {
    this.listener?.onData(typeof bytes === "string" ? Buffer.from(bytes) : bytes, false);
  }

  end(trailers?: Readonly<Record<string, string>>): void {
    this.#isRemoteEnded = true;
    if (trailers !== undefined) {
      const fields = Object.entries(trailers).map(([name, value]) => new HeaderField(name, value));
      this.listener?.onTrailers(fields);
    }
    this.listener?.onEnd();
    if (this.isLocalEnded) this.close(undefined);
  }

  /** The peer resets the stream, or is gone. */
  cancel(): void {
    this.close({ code: ErrorCode.CANCEL, byPeer: true, isUnprocessed: false, reason: "the peer has reset it" });
  }

  close(error: Parameters<StreamListener["onClose"]>[0]): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.listener?.onClose(error);
  }

  #frame(name: string, endStream: boolean): void {
    this.sent.push(endStream ? `${name} END` : name);
    if (!endStream) return;
    this.isLocalEnded = true;
    if (this.#isRemoteEnded) {
      this.close(undefined);
    } else {
      setImmediate(() => {
        if (this.isClosed) return;
        this.resets.push(ErrorCode.NO_ERROR); // what the engine does with the end of its turn
        this.close(undefined);
      });
    }
  }
}

export interface AskedOfMemory {
  readonly method?: string;
  readonly path?: string;
  readonly authority?: string | undefined;
  readonly fields?: readonly (readonly [name: string, value: string])[];
  /** The whole body, in one piece; a request without one has ended with its head, unless it is said to be open. */
  readonly body?: string;
  readonly isOpen?: boolean;
  readonly windowBytes?: number;
  readonly isEncrypted?: boolean;
}

export interface MemoryExchange extends WebMessages {
  readonly stream: MemoryStream;
  readonly clock: ReturnType<typeof createTestClock>;
  readonly socket: Socket;
  /** What the messages have emitted: "request aborted", "response finish", in order. */
  readonly events: readonly string[];
  /** Resolves with the response's close. */
  readonly closed: Promise<void>;
}

/** A request that has come over a stream in memory, and its response. */
export function memoryExchange(asked: AskedOfMemory = {}): MemoryExchange {
  const stream = new MemoryStream();
  stream.windowBytes = asked.windowBytes ?? Number.POSITIVE_INFINITY;
  const socket = new Socket();
  Object.defineProperty(socket, "remoteAddress", { value: "203.0.113.7", configurable: true });
  if (asked.isEncrypted) Object.defineProperty(socket, "encrypted", { value: true, configurable: true });
  const clock = createTestClock();
  const head = {
    method: asked.method ?? "GET",
    path: asked.path ?? "/",
    authority: "authority" in asked ? asked.authority : "example.test",
    fields: (asked.fields ?? []).map(([name, value]) => new HeaderField(name, value)),
  };
  const messages = webMessages(stream, { head, socket, clock });
  stream.listener = messages.listener;
  const events: string[] = [];
  for (const name of ["aborted", "end", "close"]) messages.request.on(name, () => events.push(`request ${name}`));
  for (const name of ["finish", "close"]) messages.response.on(name, () => events.push(`response ${name}`));
  const closed = new Promise<void>((resolve) => messages.response.once("close", () => resolve()));
  if (asked.body !== undefined) stream.send(asked.body);
  if (!asked.isOpen) stream.end();
  return { ...messages, stream, clock, socket, events, closed };
}

/** A turn of the event loop: what was put off to its end has happened. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function linesOf(fields: FieldLines): [string, string][] {
  return Array.from(fields, ([name, value]) => [name, value]);
}
