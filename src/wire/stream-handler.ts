import type { DescMessage, DescMethodStreaming, Message, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type StreamRequest, type StreamResponse } from "@connectrpc/connect";
import type { RpcMethod } from "./call-plan.ts";
import { contextFor, type LeanContext, LeanStreamRequest } from "./handler-context.ts";
import { intercepted } from "./intercepted.ts";
import { wholeMessages } from "./whole-messages.ts";

type Init = MessageInitShape<DescMessage>;
type Next = (request: StreamRequest) => Promise<StreamResponse>;

/** Has the handler of a method that streams answer, within the interceptors. */
export function handleStream(
  { spec, interceptors }: RpcMethod,
  context: LeanContext,
  requests: AsyncIterable<Message>,
): Promise<StreamResponse> {
  const { method } = spec;
  const isSeen = interceptors.length > 0;
  const respond = (message: AsyncIterable<Init>): StreamResponse => ({
    stream: true,
    service: method.parent,
    method: method as DescMethodStreaming, // unary methods are handled elsewhere
    header: context.responseHeader,
    trailer: context.responseTrailer,
    // Interceptors see whole messages; else each is made whole when it is written.
    message: (isSeen
      ? wholeMessages(method.output, message[Symbol.asyncIterator]())
      : message) as AsyncIterable<Message>,
  });
  const handle: Next = async (request) => {
    const handled = contextFor(context, request);
    switch (spec.kind) {
      case "server_streaming":
        return respond(spec.impl(await onlyMessage(request.message), handled) as AsyncIterable<Init>);
      case "client_streaming":
        return respond(single(await spec.impl(request.message, handled)));
      case "bidi_streaming":
        return respond(spec.impl(request.message, handled) as AsyncIterable<Init>);
      default:
        throw new ConnectError(`${method.name} does not stream`, Code.Internal);
    }
  };
  return intercepted(interceptors, handle)(new LeanStreamRequest(context, requests));
}

async function* single<T>(message: T): AsyncGenerator<T, void, undefined> {
  yield message;
}

/** With Connect's words. */
async function onlyMessage(messages: AsyncIterable<Message>): Promise<Message> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) {
    const message = "protocol error: missing input message for server-streaming method";
    throw new ConnectError(message, Code.Unimplemented);
  }
  const second = await iterator.next();
  if (second.done !== true) {
    const message = "protocol error: received extra input message for server-streaming method";
    throw new ConnectError(message, Code.Unimplemented);
  }
  return first.value;
}
