/** Parts of a body below this are copied together: many small ones must cost no more than their bytes. */
const COPIED_BYTES = 8 * 1024;
const FIRST_BUFFER_BYTES = 64;

/** Bytes of a body that have come and wait for their reader, who takes all of them at once. */
export class BodyQueue implements AsyncIterable<Uint8Array> {
  readonly #onRead: (bytes: number) => void;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  /** Small parts, copied together; `#collectedBytes` of it is used. */
  #collecting: Buffer | undefined;
  #collectedBytes = 0;
  #isEnded = false;
  #error: Error | undefined;
  /** Called when there is something to be read, or nothing will come any more. */
  onReadable: (() => void) | undefined;

  /** @param onRead told of the bytes that were taken */
  constructor(onRead: (bytes: number) => void) {
    this.#onRead = onRead;
  }

  /** Nothing more comes. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** What broke the body off, if anything did. */
  get error(): Error | undefined {
    return this.#error;
  }

  push(bytes: Uint8Array): void {
    if (this.#isEnded) {
      return;
    }
    this.#bytes += bytes.length;
    if (bytes.length < COPIED_BYTES) {
      this.#collect(bytes);
    } else {
      this.#seal();
      this.#parts.push(bytes);
    }
    this.onReadable?.();
  }

  end(): void {
    this.#isEnded = true;
    this.onReadable?.();
  }

  /** Breaks the body off: what was not read is dropped. */
  fail(error: Error): void {
    if (this.#isEnded) {
      return; // it came whole
    }
    this.#error = error;
    this.#isEnded = true;
    this.#parts = [];
    this.#collecting = undefined;
    this.#bytes = 0;
    this.onReadable?.();
  }

  /** Takes what waits; undefined where nothing does. */
  read(): Uint8Array | undefined {
    const all = this.takeOver();
    if (all !== undefined) {
      this.#onRead(all.length);
    }
    return all;
  }

  /** Takes what waits without telling of it: whoever calls does that. */
  takeOver(): Uint8Array | undefined {
    if (this.#bytes === 0) {
      return undefined;
    }
    this.#seal();
    const [only, ...others] = this.#parts;
    const all = only !== undefined && others.length === 0 ? only : Buffer.concat(this.#parts, this.#bytes);
    this.#parts = [];
    this.#bytes = 0;
    return all;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const bytes = this.read();
      if (bytes !== undefined) {
        yield bytes;
      } else if (this.#error !== undefined) {
        throw this.#error;
      } else if (this.#isEnded) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.onReadable = resolve;
        });
      }
    }
  }

  #collect(bytes: Uint8Array): void {
    const needed = this.#collectedBytes + bytes.length;
    if (this.#collecting === undefined || this.#collecting.length < needed) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#collectedBytes * 2, FIRST_BUFFER_BYTES));
      this.#collecting?.copy(larger, 0, 0, this.#collectedBytes);
      this.#collecting = larger;
    }
    this.#collecting.set(bytes, this.#collectedBytes);
    this.#collectedBytes = needed;
  }

  #seal(): void {
    if (this.#collecting !== undefined) {
      this.#parts.push(this.#collecting.subarray(0, this.#collectedBytes));
      this.#collecting = undefined;
      this.#collectedBytes = 0;
    }
  }
}
