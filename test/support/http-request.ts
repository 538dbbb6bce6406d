import { ConnectError } from "@connectrpc/connect";
import { requestFields } from "../../src/client/calls/request-fields.ts";
import type { AnswerListener, HttpRequest, HttpTarget } from "../../src/client/connections/http-request.ts";

/** What a request is made of. */
export interface Asked {
  readonly method?: string;
  readonly header?: Headers;
  readonly signal?: AbortSignal;
  /** The body, in one piece; null for none. */
  readonly body?: Uint8Array | null;
}

/** An answer whose head has come. */
export interface HttpAnswer {
  readonly status: number;
  readonly header: Headers;
  /** The rest of it; rejects where it is broken off. */
  readonly whole: Promise<{ readonly text: string; readonly trailer: Headers }>;
}

/** Sends a request at a target of the client's, as its calls do, and takes the answer. */
export function ask(target: HttpTarget, url: string | URL, asked: Asked = {}): Promise<HttpAnswer> {
  const { method = "GET", header = new Headers(), signal, body = null } = asked;
  const head = Promise.withResolvers<HttpAnswer>();
  const whole = Promise.withResolvers<{ text: string; trailer: Headers }>();
  whole.promise.catch(() => undefined); // not everybody reads on
  let request: HttpRequest | undefined;
  let text = "";
  const trailer = new Headers();
  const fail = (error: ConnectError) => {
    signal?.removeEventListener("abort", onAbort);
    head.reject(error);
    whole.reject(error);
  };
  const onAbort = () => {
    request?.cancel();
    fail(ConnectError.from(signal?.reason));
  };
  const listener: AnswerListener = {
    onOpen: () => undefined,
    onRoom: () => undefined,
    onHead(status, fields) {
      const answered = new Headers();
      for (const { name, value } of fields) answered.append(name, value);
      head.resolve({ status, header: answered, whole: whole.promise });
    },
    onData(bytes) {
      text += Buffer.from(bytes).toString("latin1");
      request?.consumed(bytes.length);
    },
    onTrailers(fields) {
      for (const { name, value } of fields) trailer.append(name, value);
    },
    onEnd() {
      signal?.removeEventListener("abort", onAbort);
      whole.resolve({ text, trailer });
    },
    onError: fail,
  };
  if (signal?.aborted) {
    onAbort();
    return head.promise;
  }
  signal?.addEventListener("abort", onAbort);
  const { pathname, search } = new URL(url);
  const fields = requestFields(method, new URL(url), header);
  try {
    request = target.request({ method, path: pathname + search, fields, more: undefined }, body, listener);
  } catch (error) {
    fail(ConnectError.from(error));
  }
  return head.promise;
}
