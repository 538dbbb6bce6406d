import { FieldBlock, type FieldLines, type Lines, type Stream } from "../http2/index.ts";
import { type AnswerWatch, CALLER_WENT_AWAY } from "./answer-watch.ts";

/** The answer on a stream of our own engine: what it does goes to the stream, and what is seen of it is kept. */
export class StreamAnswer implements AnswerWatch {
  readonly #stream: Stream;
  readonly #onData: () => void;
  #status: number | undefined;
  #bytes = 0;

  /** @param onData called behind every part of the body that was sent */
  constructor(stream: Stream, onData: () => void) {
    this.#stream = stream;
    this.#onData = onData;
  }

  get status(): number {
    return this.#status ?? CALLER_WENT_AWAY;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get begun(): boolean {
    return this.#status !== undefined;
  }

  get finished(): boolean {
    return this.#stream.isLocalEnded;
  }

  /** Bytes that wait for the peer's windows. */
  get pendingBytes(): number {
    return this.#stream.pendingBytes;
  }

  get isClosed(): boolean {
    return this.#stream.isClosed;
  }

  get isLocalEnded(): boolean {
    return this.#stream.isLocalEnded;
  }

  sendInformation(fields: FieldLines): void {
    this.#stream.sendInformation(fields);
  }

  sendHead(fields: FieldLines, endStream: boolean, more?: Lines): void {
    if (!this.#stream.isClosed) {
      this.#status = statusOf(fields) ?? this.#status;
    }
    this.#stream.sendHead(fields, endStream, more);
  }

  sendData(bytes: Uint8Array, endStream: boolean): boolean {
    if (!this.#stream.isClosed) {
      this.#bytes += bytes.length;
    }
    const hasRoom = this.#stream.sendData(bytes, endStream);
    this.#onData();
    return hasRoom;
  }

  sendTrailers(fields: FieldLines): void {
    this.#stream.sendTrailers(fields);
  }

  consumed(bytes: number): void {
    this.#stream.consumed(bytes);
  }

  reset(code: number): void {
    this.#stream.reset(code);
  }
}

function statusOf(fields: FieldLines): number | undefined {
  if (fields instanceof FieldBlock) {
    return Number(fields.lines[0]?.[1]); // it is the first (RFC 9113, 8.3.2)
  }
  for (const [name, value] of fields) {
    return name === ":status" ? Number(value) : undefined;
  }
  return undefined;
}
