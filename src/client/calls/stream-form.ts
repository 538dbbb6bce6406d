import type { Codec } from "../../wire/codec.ts";
import type { EnvelopeProtocol } from "./call-protocol.ts";
import { connectAnswers } from "./connect-answer.ts";
import { grpcAnswers } from "./grpc-answer.ts";
import { grpcWebAnswers } from "./grpc-web-answer.ts";
import type { CallTransportOptions } from "./transport-options.ts";
import type { MessageForm } from "./upload.ts";

/** How a stream's messages are written and read. */
export interface StreamForm extends MessageForm {
  readonly output: Codec;
  readonly answers: EnvelopeProtocol;
  readonly readMaxBytes: number;
}

export function streamForm(
  options: CallTransportOptions,
  { input, output }: { readonly input: Codec; readonly output: Codec },
): StreamForm {
  const { sendCompression, compressMinBytes, readMaxBytes } = options;
  return { input, output, sendCompression, compressMinBytes, readMaxBytes, answers: answersOf(options) };
}

function answersOf({ protocol, format }: CallTransportOptions): EnvelopeProtocol {
  switch (protocol) {
    case "grpc":
      return grpcAnswers;
    case "grpc-web":
      return grpcWebAnswers;
    case "connect":
      return connectAnswers(format === "binary");
  }
}
