import type { NodeResponse } from "./node-exchange.ts";

/** What is seen of an answer from outside, whoever writes it. */
export interface AnswerWatch {
  /** 499 as long as there is no answer. */
  readonly status: number;
  /** Bytes of its body. */
  readonly bytes: number;
  /** It was written to its end. */
  readonly finished: boolean;
}

const CALLER_WENT_AWAY = 499;

/** Watches an answer by way of the methods through which every writer goes. */
export function watchAnswer(response: NodeResponse): AnswerWatch {
  let bytes = 0;
  let finished = false;
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
  for (const name of ["write", "end"] as const) {
    const original = watched[name];
    watched[name] = function (this: unknown, ...parameters: unknown[]) {
      count(parameters[0], parameters[1]);
      return original.apply(response, parameters);
    };
  }
  response.once("finish", () => {
    finished = true;
  });
  return {
    get status() {
      return response.headersSent ? response.statusCode : CALLER_WENT_AWAY;
    },
    get bytes() {
      return bytes;
    },
    get finished() {
      return finished;
    },
  };
}
