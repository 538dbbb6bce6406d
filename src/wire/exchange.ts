import type { ActiveCall } from "../call/call.ts";
import type { FieldBlock, Lines } from "../http2/index.ts";

/** Takes a request's body as it comes, and hears of its answer's way. Nothing here may throw. */
export interface BodyReceiver {
  /**
   * A part of the body, to be acknowledged by {@link Exchange.consumed}; may be kept, must not be changed. Where `isLast`,
   * {@link onEnd} follows in the same turn; the last part may come without.
   */
  onData(bytes: Uint8Array, isLast: boolean): void;
  /** The body has come whole. */
  onEnd(): void;
  /** There is room for more of the answer: {@link Exchange.sendData} had returned false. */
  onRoom(): void;
  /** The caller is gone, or the answer is over; once, and last. */
  onClose(): void;
}

/**
 * One HTTP request and its answer, whatever carries it. Everything above the port is written against this. The body is
 * read, and the answer written, either as iterables, or by calls that take no promise: `receive`, `sendHead`, `sendData`.
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
  /** A field of the request, by its lower-case name; several joined by commas, cookies by semicolons. */
  field(name: string): string | undefined;
  /** The request's fields; made once somebody asks for them. */
  readonly requestHeader: Headers;
  /** What a handler has made of the head: one that comes again on a connection may come with it. */
  plan: unknown;
  /** The request's body; can be read once. Throws a ConnectError when the peer goes away in the middle. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Has the body come by calls, in the place of {@link body}; what is here already comes before this returns. */
  receive(receiver: BodyReceiver): void;
  /** Acknowledges bytes that a receiver got, so that the peer may send as many more. */
  consumed(bytes: number): void;
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
   * Writes the answer's head, `:status` first. Of lines, those that the answer has by {@link setHeader} make way for the
   * same names; a FieldBlock has none of those.
   *
   * @param more lines behind the fields
   */
  sendHead(fields: FieldBlock | Lines, endStream: boolean, more?: Lines): void;
  /**
   * Writes a part of the answer's body, in order; it goes nowhere when the peer is gone.
   *
   * @returns false where no more should be written until {@link BodyReceiver.onRoom}
   */
  sendData(bytes: Uint8Array, endStream: boolean): boolean;
  /** Writes the trailers, and ends the answer. */
  sendTrailers(fields: FieldBlock | Lines): void;
  /** Ends the exchange in the middle: the peer sees that there is no more, and that something went wrong. */
  breakOff(): void;
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
 * these, outside of the exchange's call: who runs a user's code enters it. `true` where the answer comes by itself, and
 * nothing of it can fail for the port to know.
 */
export type Handler<E extends Exchange = Exchange> = (exchange: E) => Promise<void> | true | undefined;

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

/** What is asked for, as a URL. */
export function urlOf({ scheme, authority, path, query }: Exchange): string {
  return `${scheme}://${authority}${path}${query === "" ? "" : `?${query}`}`;
}
