import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { BodyQueue } from "../wire/body-queue.ts";
import type { AnswerFields, AnswerListener, HttpRequest, HttpTarget, RequestHead } from "./connections/http-request.ts";

// Targets that are answered inside the process: the testing kit puts its fakes here, and every channel to such a target
// finds them. A target is known by its origin, so that a fake's URL passes any check that a real one passes.

const targets = new Map<string, UniversalClientFn>();

/** Answers every channel to `origin` by `answer`, until the result is disposed. */
export function registerMemoryTarget(origin: string, answer: UniversalClientFn): Disposable {
  targets.set(origin, answer);
  return { [Symbol.dispose]: () => void targets.delete(origin) };
}

/** What stands behind an origin inside the process, if anything does. */
export function memoryTarget(origin: string): HttpTarget | undefined {
  const answer = targets.get(origin);
  if (answer === undefined) {
    return undefined;
  }
  const underWay = new Set<MemoryRequest>();
  return {
    origin,
    request(head, body, listener) {
      const request = new MemoryRequest(body, listener, (ended) => underWay.delete(ended));
      underWay.add(request);
      void request.run(answer, `${origin}${head.path}`, head);
      return request;
    },
    close() {
      for (const request of underWay) {
        request.fail(new ConnectError(`the channel to ${origin} was closed`, Code.Unavailable));
      }
    },
  };
}

/** What waits to be read, of a request or of an answer, before no more is taken, in bytes. */
const UNREAD_BYTES = 64 * 1024;

/** A request to a handler in the same process. */
class MemoryRequest implements HttpRequest {
  readonly #listener: AnswerListener;
  readonly #onEnd: (request: MemoryRequest) => void;
  readonly #controller = new AbortController();
  readonly #isOpen: boolean;
  readonly #upload: BodyQueue;
  #unsentBytes = 0;
  #unreadBytes = 0;
  #onRead: (() => void) | undefined;
  #isOver = false;

  constructor(body: Uint8Array | null | undefined, listener: AnswerListener, onEnd: (request: MemoryRequest) => void) {
    this.#listener = listener;
    this.#onEnd = onEnd;
    this.#isOpen = body === undefined;
    this.#upload = new BodyQueue((bytes) => this.#onUploadRead(bytes));
    if (body !== undefined) {
      this.#upload.push(body ?? new Uint8Array());
      this.#upload.end();
    }
  }

  /** Never rejects. */
  async run(answer: UniversalClientFn, url: string, { method, fields, more }: RequestHead): Promise<void> {
    try {
      const header = new Headers();
      for (const [name, value] of [...fields, ...(more ?? [])]) {
        if (!name.startsWith(":")) {
          header.append(name, value);
        }
      }
      if (this.#isOpen) {
        queueMicrotask(() => this.#tell(() => this.#listener.onOpen()));
      }
      const { signal } = this.#controller;
      const response = await answer({ url, method, header, body: this.#upload, signal });
      this.#tell(() => this.#listener.onHead(response.status, fieldsOf(response.header)));
      for await (const bytes of response.body) {
        await this.#deliver(bytes);
      }
      this.#tell(() => this.#listener.onTrailers(fieldsOf(response.trailer)));
      this.#tell(() => {
        this.#end();
        this.#listener.onEnd();
      });
    } catch (thrown) {
      this.fail(ConnectError.from(thrown, Code.Internal));
    }
  }

  fail(error: ConnectError): void {
    this.#tell(() => {
      this.#end();
      this.#controller.abort(error);
      this.#listener.onError(error, "unknown");
    });
  }

  send(bytes: Uint8Array, isLast: boolean): boolean {
    this.#upload.push(bytes);
    if (isLast) {
      this.#upload.end();
    }
    this.#unsentBytes += bytes.length;
    return this.#unsentBytes < UNREAD_BYTES;
  }

  consumed(bytes: number): void {
    this.#unreadBytes -= bytes;
    this.#onRead?.();
  }

  cancel(): void {
    if (!this.#isOver) {
      this.#end();
      this.#controller.abort(new ConnectError("the call was canceled", Code.Canceled));
    }
  }

  #onUploadRead(bytes: number): void {
    const hadRoom = this.#unsentBytes < UNREAD_BYTES;
    this.#unsentBytes -= bytes;
    if (!hadRoom && this.#unsentBytes < UNREAD_BYTES) {
      this.#tell(() => this.#listener.onRoom());
    }
  }

  async #deliver(bytes: Uint8Array): Promise<void> {
    this.#unreadBytes += bytes.length;
    this.#tell(() => this.#listener.onData(bytes));
    while (this.#unreadBytes >= UNREAD_BYTES && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#onRead = resolve;
      });
    }
  }

  /** The listener is told nothing once it has heard the last, or wants no more. */
  #tell(tell: () => void): void {
    if (!this.#isOver) {
      tell();
    }
  }

  #end(): void {
    this.#isOver = true;
    this.#upload.fail(new ConnectError("the call was broken off", Code.Canceled)); // nothing, where all of it came
    this.#onRead?.();
    this.#onEnd(this);
  }
}

function fieldsOf(headers: Headers): AnswerFields {
  return [...headers].map(([name, value]) => ({ name, value }));
}
