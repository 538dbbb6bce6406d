import { Http2ServerRequest } from "node:http2";
import type { NodeRequest, NodeResponse } from "./node-messages.ts";
import type { Refusal } from "./refusal.ts";

/** What is seen of an answer from outside, whoever writes it. */
export interface AnswerWatch {
  /** 499 as long as there is no answer. */
  readonly status: number;
  /** Bytes of its body. */
  readonly bytes: number;
  /** Its head is out. */
  readonly begun: boolean;
  /** It was written to its end. */
  readonly finished: boolean;
  /** Tells that the caller is gone. From here on what is written goes nowhere: node:http2 would throw at whoever writes. */
  lose(): void;
  /** HTTP/1.1: tells that another answer went out in its place, past the response that is watched. */
  replacedBy?(refusal: Refusal): void;
}

/** The status in the log of a request whose caller went away before there was an answer. */
export const CALLER_WENT_AWAY = 499;

/** Watches an answer by way of the methods through which every writer goes. */
export function watchAnswer(request: NodeRequest, response: NodeResponse): Required<AnswerWatch> {
  let bytes = 0;
  let lost: { readonly begun: boolean } | undefined;
  let finished = false;
  let replacement: Refusal | undefined;
  const hasBegun = () => lost?.begun ?? response.headersSent;
  const count = (chunk: unknown, encoding: unknown) => {
    if (typeof chunk === "string") {
      // Node takes an encoding's name, or a callback, in its place.
      bytes += Buffer.byteLength(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8");
    } else if (chunk instanceof Uint8Array) {
      bytes += chunk.byteLength;
    }
  };
  // The overloads of write and end differ between the two classes; what is passed through is the same.
  const watched = response as unknown as Record<"write" | "end", (...parameters: unknown[]) => unknown>;
  let isWithin = false;
  for (const name of ["write", "end"] as const) {
    const original = watched[name];
    watched[name] = function (this: unknown, ...parameters: unknown[]) {
      if (lost !== undefined) {
        return name === "end" ? response : false;
      }
      if (isWithin) {
        return original.apply(response, parameters); // over HTTP/2 `end` writes by `write`
      }
      isWithin = true;
      try {
        count(parameters[0], parameters[1]);
        return original.apply(response, parameters);
      } finally {
        isWithin = false;
      }
    };
  }
  // node:http2's compatibility class emits its own finish at the end of the stream, however that came.
  const written = request instanceof Http2ServerRequest ? request.stream : response;
  written.once("finish", () => {
    finished = lost === undefined && response.headersSent; // a stream that is reset at once finishes without an answer
  });
  return {
    get status() {
      return replacement?.status ?? (hasBegun() ? response.statusCode : CALLER_WENT_AWAY);
    },
    get begun() {
      return hasBegun();
    },
    get bytes() {
      return replacement?.bytes ?? bytes;
    },
    get finished() {
      return finished || replacement !== undefined || (lost === undefined && isEndedHead(request, response));
    },
    lose() {
      if (!finished) {
        lost ??= { begun: response.headersSent };
      }
    },
    replacedBy(refusal) {
      replacement = refusal;
    },
  };
}

/** The answer to a HEAD over HTTP/2 ends with its head, and its stream tells of no finish. */
function isEndedHead(request: NodeRequest, response: NodeResponse): boolean {
  return request instanceof Http2ServerRequest && request.method === "HEAD" && response.headersSent;
}
