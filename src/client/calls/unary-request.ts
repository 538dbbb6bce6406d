import type { Message } from "@bufbuild/protobuf";
import type { MethodCalls } from "./method-calls.ts";
import type { CallTransportOptions } from "./transport-options.ts";
import type { UnaryAttempts } from "./unary-attempts.ts";
import { enveloped } from "./upload.ts";

/** Sends a request's body; `encoding` is what it is compressed with where the head has to say so. */
export type SendBody = (body: Uint8Array, encoding: string | undefined) => void;

/** Writes the request of a unary call and has it sent; what is wrong with it, the call fails with. */
export function writeUnary(
  options: CallTransportOptions,
  call: UnaryAttempts,
  calls: MethodCalls,
  message: Message,
  send: SendBody,
): void {
  try {
    const written = options.protocol === "connect" ? body(options, calls, message) : envelope(calls, message);
    if (written instanceof Promise) {
      written.then(({ bytes, encoding }) => send(bytes, encoding)).catch((error: unknown) => call.fail(error));
    } else {
      send(written, undefined);
    }
  } catch (error) {
    call.fail(error);
  }
}

interface Compressed {
  readonly bytes: Uint8Array;
  readonly encoding: string | undefined;
}

/** The message alone ("Unary-Request"). */
function body(
  { sendCompression, compressMinBytes }: CallTransportOptions,
  calls: MethodCalls,
  message: Message,
): Uint8Array | Promise<Compressed> {
  const bytes = calls.input.serialize(message);
  if (sendCompression === undefined || bytes.length < compressMinBytes) {
    return bytes;
  }
  return sendCompression
    .compress(bytes as Uint8Array<ArrayBuffer>) // a codec's bytes are never shared memory
    .then((compressed) => ({ bytes: compressed, encoding: sendCompression.name }));
}

function envelope({ form }: MethodCalls, message: Message): Uint8Array | Promise<Compressed> {
  const bytes = enveloped(form, message);
  return bytes instanceof Uint8Array ? bytes : bytes.then((compressed) => ({ bytes: compressed, encoding: undefined }));
}
