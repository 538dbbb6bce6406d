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

/** The messages of a request, asked for one by one while there is room for them. */
export class Upload {
  readonly #type: DescMessage;
  readonly #form: MessageForm;
  readonly #messages: AsyncIterator<MessageInitShape<DescMessage>>;
  readonly #opened = Promise.withResolvers<HttpRequest>();
  #onRoom: (() => void) | undefined;
  /** Nothing more is asked for. */
  #isOver = false;

  constructor(type: DescMessage, form: MessageForm, messages: AsyncIterable<MessageInitShape<DescMessage>>) {
    this.#type = type;
    this.#form = form;
    this.#messages = messages[Symbol.asyncIterator]();
  }

  /** The request can be sent. */
  open(request: HttpRequest): void {
    this.#opened.resolve(request);
  }

  /** There is room for more. */
  room(): void {
    this.#onRoom?.();
  }

  /** Sends all messages. To be called in the caller's context, which whoever gives them is part of. */
  async send(): Promise<void> {
    const request = await this.#opened.promise;
    try {
      while (!this.#isOver) {
        const { done, value } = await this.#messages.next();
        if (this.#isOver) {
          return;
        }
        if (done) {
          this.#isOver = true;
          request.send(NOTHING, true);
          return;
        }
        const bytes = enveloped(this.#form, create(this.#type, value));
        const hasRoom = request.send(bytes instanceof Uint8Array ? bytes : await bytes, false);
        if (!hasRoom && !this.#isOver) {
          await new Promise<void>((resolve) => {
            this.#onRoom = resolve;
          });
        }
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
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.#onRoom?.();
    void closeMessages(this.#messages, error);
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
