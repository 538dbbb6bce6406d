import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import type { AnswerFields } from "../connections/http-request.ts";

// What differs between the protocols of calls. How answers are read follows Connect's own transports, step by step: the same
// error wins where several things are wrong.

export type Kind = DescMethod["methodKind"];

/** The head of an answer, as far as it is right. */
export interface AnswerHead {
  readonly fields: AnswerFields;
  /** What messages that are flagged so, or the body, are compressed with. */
  readonly compression: Compression | undefined;
  /** The head holds a status: no trailers follow. */
  readonly hasStatus: boolean;
  /** The error of that status. */
  readonly error: ConnectError | undefined;
}

/** Reads the end of an answer whose messages stand in envelopes. Whatever is wrong is thrown, as a ConnectError. */
export interface AnswerEnd {
  /** Takes the envelope that stands for the end. */
  onEndEnvelope(bytes: Uint8Array): void;
  /** A message has come. */
  onMessage(): void;
  /** Nothing more comes. */
  onEnd(): void;
  /** The trailers; filled at the end. */
  readonly trailer: Headers;
}

export interface EnvelopeProtocol {
  /** The flag of the envelope that stands for the end; 0 where there is none. */
  readonly endFlag: number;
  /** @throws ConnectError where the answer cannot be read */
  readHead(kind: Kind, status: number, fields: AnswerFields): AnswerHead;
  /** @param trailers gives the trailers that came behind the body */
  streamEnd(head: AnswerHead, trailers: () => AnswerFields): AnswerEnd;
}
