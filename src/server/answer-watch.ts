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
  /** HTTP/1.1: tells that another answer went out in its place, past the response that is watched. */
  replacedBy?(refusal: Refusal): void;
}

/** The status in the log of a request whose caller went away before there was an answer. */
export const CALLER_WENT_AWAY = 499;

/** What is seen of an answer by node:http or node:http2. */
export class NodeAnswer implements Required<AnswerWatch> {
  readonly #request: NodeRequest;
  readonly #response: NodeResponse;
  #bytes = 0;
  #lost: { readonly begun: boolean } | undefined;
  #isFinished = false;
  #replacement: Refusal | undefined;

  constructor(request: NodeRequest, response: NodeResponse) {
    this.#request = request;
    this.#response = response;
    // node:http2's compatibility class emits its own finish at the end of the stream, however that came.
    const written = request instanceof Http2ServerRequest ? request.stream : response;
    written.on("finish", () => {
      // A stream that is reset at once finishes without an answer.
      this.#isFinished = this.#lost === undefined && response.headersSent;
    });
  }

  get status(): number {
    return this.#replacement?.status ?? (this.begun ? this.#response.statusCode : CALLER_WENT_AWAY);
  }

  get begun(): boolean {
    return this.#lost?.begun ?? this.#response.headersSent;
  }

  get bytes(): number {
    return this.#replacement?.bytes ?? this.#bytes;
  }

  get finished(): boolean {
    return (
      this.#isFinished ||
      this.#replacement !== undefined ||
      (this.#lost === undefined && isEndedHead(this.#request, this.#response))
    );
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** Tells that the caller is gone. From here on what is written goes nowhere: node:http2 would throw at whoever writes. */
  lose(): void {
    if (!this.#isFinished) {
      this.#lost ??= { begun: this.#response.headersSent };
    }
  }

  replacedBy(refusal: Refusal): void {
    this.#replacement = refusal;
  }

  /** Counts what was written of the body. */
  count(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Watches what others write, by the methods through which every writer goes. */
  watch(): void {
    const response = this.#response;
    // The overloads of write and end differ between the two classes; what is passed through is the same.
    const watched = response as unknown as Record<"write" | "end", (...parameters: unknown[]) => unknown>;
    let isWithin = false;
    for (const name of ["write", "end"] as const) {
      const original = watched[name];
      watched[name] = (...parameters: unknown[]) => {
        if (this.isLost) {
          return name === "end" ? response : false;
        }
        if (isWithin) {
          return original.apply(response, parameters); // over HTTP/2 `end` writes by `write`
        }
        isWithin = true;
        try {
          this.count(bytesOf(parameters[0], parameters[1]));
          return original.apply(response, parameters);
        } finally {
          isWithin = false;
        }
      };
    }
  }
}

function bytesOf(chunk: unknown, encoding: unknown): number {
  if (typeof chunk === "string") {
    // Node takes an encoding's name, or a callback, in its place.
    return Buffer.byteLength(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8");
  }
  return chunk instanceof Uint8Array ? chunk.byteLength : 0;
}

/** The answer to a HEAD over HTTP/2 ends with its head, and its stream tells of no finish. */
function isEndedHead(request: NodeRequest, response: NodeResponse): boolean {
  return request instanceof Http2ServerRequest && request.method === "HEAD" && response.headersSent;
}
