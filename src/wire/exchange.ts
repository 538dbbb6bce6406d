import type { ActiveCall } from "../call/call.ts";

/**
 * One HTTP request and its answer, whatever carries it. Everything above the port is written against this: what carries
 * it today is node:http and node:http2.
 */
export interface Exchange {
  readonly call: ActiveCall;
  readonly httpVersion: "1.0" | "1.1" | "2.0";
  /** The request method, as sent. */
  readonly method: string;
  /** The path as sent, percent-encoded, without the query; always begins with `/`, or is `*`. */
  readonly path: string;
  /** What follows the `?`, without it; empty where there is none. */
  readonly query: string;
  readonly scheme: "http" | "https";
  /** The validated host and port that the request is for. */
  readonly authority: string;
  readonly requestHeader: Headers;
  /** The request's body; can be read once. Throws a ConnectError when the peer goes away in the middle. */
  readonly body: AsyncIterable<Uint8Array>;
  /**
   * Accounts for what is kept of the body until more of it has come: `bytes` in all, 0 once nothing is. To be called before
   * it is kept. What is not given back ends with the exchange.
   *
   * @returns false where the process holds as much as it may: nothing may be kept then
   */
  hold(bytes: number): boolean;
  /** Header fields for the answer, whoever writes it. */
  setHeader(name: string, value: string): void;
  /** Adds a token to the answer's `vary` field. */
  vary(name: string): void;
  /**
   * Writes the whole answer and resolves when the last byte is handed to the connection. Waits when the reader is slow.
   * When the peer goes away, what is left of `body` is dropped and its iterator closed.
   */
  respond(answer: ExchangeAnswer): Promise<void>;
}

export interface ExchangeAnswer {
  readonly status: number;
  readonly header: Headers;
  readonly body?: AsyncIterable<Uint8Array> | Uint8Array | undefined;
  /** Read after the body has ended; HTTP/2, and chunked HTTP/1.1. */
  readonly trailer?: Headers | undefined;
}

/**
 * Takes an exchange and answers it, or leaves it to the next handler by returning undefined. The port runs a list of
 * these.
 */
export type Handler<E extends Exchange = Exchange> = (exchange: E) => Promise<void> | undefined;

/** Answers with a JSON document. */
export function respondJson(
  exchange: Exchange,
  status: number,
  document: unknown,
  contentType = "application/json",
): Promise<void> {
  return exchange.respond({
    status,
    header: new Headers({ "content-type": contentType }),
    body: Buffer.from(JSON.stringify(document)),
  });
}
