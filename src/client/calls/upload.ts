import { create, type DescMessage, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import type { Compression } from "@connectrpc/connect/protocol";
import type { Codec } from "../../wire/codec.ts";
import { ENVELOPE_BYTES, sealEnvelope } from "../../wire/envelope.ts";
import type { HttpRequest } from "../connections/http-request.ts";

const NOTHING = new Uint8Array(0);

/** How messages are written. */
export interface MessageForm {
  readonly input: Codec;
  readonly sendCompression: Compression | undefined;
  readonly compressMinBytes: number;
}

/** A message in its envelope; a promise where it is compressed. */
export function enveloped(
  { input, sendCompression, compressMinBytes }: MessageForm,
  message: Message,
): Uint8Array | Promise<Uint8Array> {
  const bytes = input.serialize(message, ENVELOPE_BYTES);
  return sealEnvelope(0, bytes, bytes.length - ENVELOPE_BYTES < compressMinBytes ? undefined : sendCompression);
}

/** What is kept of messages that were sent, in case they have to be sent again, in bytes. */
const KEPT_BYTES = 64 * 1024;

/**
 * The messages of a request, asked for one by one while there is room for them. Until the answer begins the first of them
 * are kept, so that another request can take the place of one that failed.
 */
export class Upload {
  readonly #type: DescMessage;
  readonly #form: MessageForm;
  readonly #messages: AsyncIterator<MessageInitShape<DescMessage>>;
  #request: HttpRequest | undefined;
  #hasRoom = true;
  #wake: (() => void) | undefined;
  /** Undefined where nothing can be sent again. */
  #kept: Uint8Array[] | undefined = [];
  #keptBytes = 0;
  /** There are no more messages. */
  #isWhole = false;
  /** Nothing more is asked for. */
  #isOver = false;

  constructor(type: DescMessage, form: MessageForm, messages: AsyncIterable<MessageInitShape<DescMessage>>) {
    this.#type = type;
    this.#form = form;
    this.#messages = messages[Symbol.asyncIterator]();
  }

  /** Whether another request could have all that was sent. */
  get isRepeatable(): boolean {
    return this.#kept !== undefined;
  }

  /** A request can be sent: what was sent before, and what follows, goes there. */
  open(request: HttpRequest): void {
    this.#request = request;
    this.#hasRoom = true;
    for (const bytes of this.#kept ?? []) {
      this.#hasRoom = request.send(bytes, false);
    }
    if (this.#isWhole) {
      request.send(NOTHING, true);
    }
    this.#wake?.();
  }

  /** The request has failed, and another one follows. */
  close(): void {
    this.#request = undefined;
  }

  /** The answer has begun: nothing is ever sent again. */
  commit(): void {
    this.#kept = undefined;
  }

  /** There is room for more. */
  room(): void {
    this.#hasRoom = true;
    this.#wake?.();
  }

  /** Sends all messages. To be called in the caller's context, which whoever gives them is part of. */
  async send(): Promise<void> {
    try {
      while (await this.#mayAsk()) {
        const { done, value } = await this.#messages.next();
        if (this.#isOver) {
          return;
        }
        if (done) {
          this.#isWhole = true;
          this.#request?.send(NOTHING, true);
          return;
        }
        const sealed = enveloped(this.#form, create(this.#type, value));
        this.#send(sealed instanceof Uint8Array ? sealed : await sealed);
      }
    } catch (thrown) {
      if (!this.#isOver) {
        this.#isOver = true;
        throw thrown;
      }
    }
  }

  /** No more is wanted: whoever gives the messages is told so, and why if there is an error. */
  stop(error: Error | undefined): void {
    if (this.#isOver || this.#isWhole) {
      return;
    }
    this.#isOver = true;
    this.#wake?.();
    void closeMessages(this.#messages, error);
  }

  /** Waits until there is somewhere to send a message; false where none is wanted any more. */
  async #mayAsk(): Promise<boolean> {
    while (!this.#isOver && (this.#request === undefined || !this.#hasRoom)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return !this.#isOver;
  }

  #send(bytes: Uint8Array): void {
    if (this.#isOver) {
      return;
    }
    this.#keep(bytes);
    if (this.#request !== undefined) {
      this.#hasRoom = this.#request.send(bytes, false);
    }
  }

  #keep(bytes: Uint8Array): void {
    this.#kept?.push(bytes);
    this.#keptBytes += bytes.length;
    if (this.#keptBytes > KEPT_BYTES && this.#request !== undefined) {
      this.#kept = undefined;
    }
  }
}

/**
 * Tells whoever gives messages that no more are wanted, and why if there is an error. What goes wrong meanwhile is its
 * owner's affair: the call has its outcome already.
 */
export async function closeMessages(messages: AsyncIterator<unknown>, error: Error | undefined): Promise<void> {
  const raise = async () => (error === undefined ? undefined : messages.throw?.(error));
  const leave = async () => messages.return?.();
  await Promise.allSettled([raise(), leave()]);
}
