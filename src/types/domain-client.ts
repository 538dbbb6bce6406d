import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
import { type CallOptions, type Client, Code, ConnectError } from "@connectrpc/connect";
import { markOnward } from "../call/errors.ts";
import { fullName } from "../call/method-selector.ts";
import { eachOf } from "./conversion.ts";
import { DomainValueError } from "./domain-value-error.ts";
import type { MessageType, MethodTypes, ServiceTypes } from "./message-type.ts";

/** A client's method of any kind, as far as it matters here. */
type Call = (request: unknown, options?: CallOptions) => unknown;

/** A client in domain types, of one in Connect's shapes. */
export function domainClient(
  { desc, methods }: ServiceTypes<DescService, Readonly<Record<string, MethodTypes>>>,
  client: Client<DescService>,
): Readonly<Record<string, Call>> {
  const calls = client as Readonly<Record<string, Call>>; // by name, one method is like another here
  return Object.fromEntries(
    desc.methods.map((method) => {
      const { localName } = method;
      const call = calls[localName] as Call; // Connect's client has every method of its service
      return [localName, adapt(call, method, methods[localName])];
    }),
  );
}

function adapt(call: Call, method: DescMethod, types: MethodTypes | undefined): Call {
  if (types === undefined) {
    return call;
  }
  const write = (value: unknown) => (types.input === undefined ? value : types.input.toMessage(value));
  const read = types.output === undefined ? (message: Message) => message : readerOf(types.output, method);
  // Of this kind of method, a request and an answer are what they are taken for here.
  switch (method.methodKind) {
    case "unary":
      return async (request, options) => read((await call(write(request), options)) as Message);
    case "client_streaming":
      return async (requests, options) => {
        const { messages, reasonFor } = requestsOf(requests as AsyncIterable<unknown>, write);
        try {
          return read((await call(messages, options)) as Message);
        } catch (error) {
          throw reasonFor(error);
        }
      };
    case "server_streaming":
      return (request, options) => answersOf(call, write(request), options, read, (error) => error);
    case "bidi_streaming":
      return (requests, options) => {
        const { messages, reasonFor } = requestsOf(requests as AsyncIterable<unknown>, write);
        return answersOf(call, messages, options, read, reasonFor);
      };
  }
}

/** The messages of a stream of requests, and why a call failed: transports make errors of their own of what such a stream throws. */
function requestsOf(requests: AsyncIterable<unknown>, write: (value: unknown) => unknown) {
  let misfit: DomainValueError | undefined;
  const messages = eachOf(requests, (value) => {
    try {
      return write(value);
    } catch (error) {
      misfit = error instanceof DomainValueError ? error : undefined;
      throw error;
    }
  });
  return { messages, reasonFor: (error: unknown) => misfit ?? error };
}

/**
 * A stream of answers in the shape of Connect's own: whoever stops reading may go on later. That is why a call whose answer
 * does not fit is to be cancelled here: nothing else would end it.
 */
function answersOf(
  call: Call,
  request: unknown,
  options: CallOptions | undefined,
  read: (message: Message) => unknown,
  reasonFor: (error: unknown) => unknown,
): AsyncIterable<unknown> {
  const misfit = new AbortController();
  const signal = options?.signal === undefined ? misfit.signal : AbortSignal.any([options.signal, misfit.signal]);
  const stream = call(request, { ...options, signal }) as AsyncIterable<Message>; // of these kinds of methods it is one
  const messages = stream[Symbol.asyncIterator]();
  const next = async (): Promise<IteratorResult<unknown>> => {
    const result = await messages.next().catch((error: unknown) => {
      throw reasonFor(error);
    });
    try {
      return result.done === true ? result : { done: false, value: read(result.value) };
    } catch (error) {
      misfit.abort(error);
      throw error;
    }
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

function readerOf(type: MessageType<Message, unknown, unknown>, method: DescMethod): (message: Message) => unknown {
  return (message) => {
    try {
      return type.fromMessage(message);
    } catch (error) {
      throw error instanceof DomainValueError ? badAnswer(error, method) : error;
    }
  };
}

/** What another service has sent: like all that it sends, it is for the log of a handler that lets it through. */
function badAnswer(cause: DomainValueError, method: DescMethod): ConnectError {
  const error = new ConnectError(
    `the answer does not fit: ${cause.message}`,
    Code.Internal,
    undefined,
    undefined,
    cause,
  );
  return markOnward(error, { url: fullName(method) });
}
