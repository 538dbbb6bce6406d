import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.js";
import { convertAnswer, eachOf } from "./conversion.ts";
import { DomainValueError } from "./domain-value-error.ts";
import type { MessageType, MethodTypes, ServiceTypes } from "./message-type.ts";

/** A handler of any kind of method, as far as it matters here. */
type Handler = (request: unknown, context: HandlerContext) => unknown;
type Read = (message: Message) => unknown;
type Write = (value: unknown) => unknown;

/** Handlers in Connect's shapes, of handlers in domain types. */
export function domainHandlers(
  { desc, methods }: ServiceTypes<DescService, Readonly<Record<string, MethodTypes>>>,
  handlers: Readonly<Record<string, unknown>>,
): Partial<ServiceImpl<DescService>> {
  const adapted: Record<string, Handler | undefined> = {};
  for (const method of desc.methods) {
    const handler = handlers[method.localName];
    if (typeof handler === "function") {
      adapted[method.localName] = adapt(handler.bind(handlers), method, methods[method.localName]);
    }
  }
  return adapted as Partial<ServiceImpl<DescService>>; // each has the shape of its method's kind
}

function adapt(handler: Handler, { methodKind }: DescMethod, types: MethodTypes | undefined): Handler {
  if (types === undefined) {
    return handler;
  }
  const read: Read = types.input === undefined ? same : readerOf(types.input);
  const write: Write = types.output === undefined ? same : (value) => types.output?.toMessage(value);
  const isRequestStream = methodKind === "client_streaming" || methodKind === "bidi_streaming";
  const isAnswerStream = methodKind === "server_streaming" || methodKind === "bidi_streaming";
  return (request, context) => {
    // Of this kind of method, a request and an answer are what they are taken for here.
    const given = isRequestStream ? eachOf(request as AsyncIterable<Message>, read) : read(request as Message);
    const answer = handler(given, context);
    return isAnswerStream ? eachOf(answer as AsyncIterable<unknown>, write) : convertAnswer(answer, write);
  };
}

function readerOf(type: MessageType<Message, unknown, unknown>): Read {
  return (message) => {
    try {
      return type.fromMessage(message);
    } catch (error) {
      throw error instanceof DomainValueError ? invalidArgument(error) : error;
    }
  };
}

function invalidArgument(cause: DomainValueError): ConnectError {
  const violation = { field: cause.path, description: cause.message };
  const detail = { desc: BadRequestSchema, value: { fieldViolations: [violation] } };
  return new ConnectError(cause.message, Code.InvalidArgument, undefined, [detail], cause);
}

function same<T>(value: T): T {
  return value;
}
