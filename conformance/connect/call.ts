import { setTimeout as delay } from "node:timers/promises";
import { create, type DescMessage, type MessageShape } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createCounter } from "./counter.ts";
import { appendHeaders, protoHeaders } from "./headers.ts";
import { type ClientCompatRequest, type ClientResult, FULL_DUPLEX, type Payload, type Schema } from "./schema.ts";

/**
 * Makes the call that a case describes, and tells what came of it (the suite's docs/testing_clients.md).
 *
 * @param stop cancels the call for a reason that is none of the case's
 * @throws Error where the case cannot be understood; what the call fails with is told
 */
export async function makeCall(
  schema: Schema,
  transport: Transport,
  request: ClientCompatRequest,
  stop: AbortSignal,
): Promise<ClientResult> {
  const client = createClient(schema.service, transport);
  const methods = schema.service.method;
  const payloadSchema = schema.message<Payload>("ConformancePayload");
  const cancellation = new AbortController();
  const { cancelTiming: cancelAt } = request.cancel ?? {};
  const answers = createCounter();
  const payloads: Payload[] = [];
  let sent = 0;
  let header: Headers | undefined;
  let trailer: Headers | undefined;
  const headers = new Headers();
  appendHeaders(headers, request.requestHeaders);
  const signal = AbortSignal.any([cancellation.signal, stop]);
  signal.addEventListener("abort", answers.end);
  const options = {
    signal,
    headers,
    ...(request.timeoutMs !== undefined && { timeoutMs: request.timeoutMs }),
    onHeader: (fields: Headers) => (header = fields),
    onTrailer: (fields: Headers) => (trailer = fields),
  };

  /** A call that is cancelled without a time is cancelled once all is sent. */
  function allSent() {
    if (cancelAt?.case === "beforeCloseSend") {
      cancellation.abort();
    } else if (request.cancel !== undefined && cancelAt?.case !== "afterNumResponses") {
      setTimeout(() => cancellation.abort(), cancelAt?.value ?? 0);
    }
  }

  function take({ payload = create(payloadSchema) }: { payload?: Payload }) {
    payloads.push(payload);
    answers.add();
    if (cancelAt?.case === "afterNumResponses" && cancelAt.value === payloads.length) {
      cancellation.abort();
    }
  }

  /** The only message of a call; Connect's clients end their side by themselves. */
  function only<I extends DescMessage>({ input }: { input: I }): MessageShape<I> {
    const [message] = messagesOf(request, input);
    if (message === undefined || request.requestMessages.length > 1) {
      throw new Error(`${request.method} takes one message, and not ${request.requestMessages.length}`);
    }
    sent++;
    queueMicrotask(allSent); // once the call is made
    return message;
  }

  async function* each<I extends DescMessage>({ input }: { input: I }): AsyncGenerator<MessageShape<I>> {
    for (const message of messagesOf(request, input)) {
      await delay(request.requestDelayMs);
      sent++;
      yield message;
      if (request.streamType === FULL_DUPLEX) {
        await answers.reach(sent);
      }
    }
    allSent();
  }

  async function call(): Promise<void> {
    switch (request.method) {
      case "Unary":
        return take(await client.unary(only(methods.unary), options));
      case "IdempotentUnary":
        return take(await client.idempotentUnary(only(methods.idempotentUnary), options));
      case "Unimplemented":
        await client.unimplemented(only(methods.unimplemented), options);
        return take({});
      case "ClientStream":
        return take(await client.clientStream(each(methods.clientStream), options));
      case "ServerStream":
        for await (const answer of client.serverStream(only(methods.serverStream), options)) take(answer);
        return;
      case "BidiStream":
        for await (const answer of client.bidiStream(each(methods.bidiStream), options)) take(answer);
        return;
      default:
        throw new Error(`the method ${request.method} is not known`);
    }
  }

  let error: ConnectError | undefined;
  try {
    await call();
  } catch (thrown) {
    if (!(thrown instanceof ConnectError)) {
      throw thrown; // what a channel fails with is a ConnectError always
    }
    error = thrown;
  } finally {
    answers.end();
  }
  return create(schema.message<ClientResult>("ClientResponseResult"), {
    payloads,
    // An error has the fields of header and trailer together; the suite knows that clients may not tell them apart.
    responseHeaders: protoHeaders(header ?? error?.metadata ?? new Headers()),
    responseTrailers: protoHeaders(trailer ?? error?.metadata ?? new Headers()),
    numUnsentRequests: request.requestMessages.length - sent,
    ...(error && { error: errorOf(error) }),
  });
}

function messagesOf<I extends DescMessage>(request: ClientCompatRequest, input: I): MessageShape<I>[] {
  return request.requestMessages.map((packed) => {
    const message = anyUnpack(packed, input);
    if (message === undefined) {
      throw new Error(`${request.method} takes no ${packed.typeUrl}`);
    }
    return message;
  });
}

/** The error as the suite writes it. What came over the wire stays as it came. */
function errorOf({ code, rawMessage, details }: ConnectError) {
  return {
    code,
    message: rawMessage,
    details: details.map((detail) => {
      if (!("type" in detail)) {
        throw new Error("a detail that was received has its bytes");
      }
      return { typeUrl: `type.googleapis.com/${detail.type}`, value: detail.value };
    }),
  };
}
