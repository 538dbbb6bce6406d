import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import { ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { Implementation } from "../../src/wire/implement.ts";
import { appendHeaders, protoHeaders } from "./headers.ts";
import type {
  ClientStreamRequest,
  ConformanceService,
  ErrorMessage,
  Payload,
  RequestInfo,
  Schema,
  StreamDefinition,
  UnaryDefinition,
} from "./schema.ts";

/**
 * What the suite asks of a server under test (its docs/testing_servers.md): each request says how it has to be answered,
 * and the answer says what arrived. `Unimplemented` is left out, as it has to be.
 */
export function conformanceService(schema: Schema): Implementation {
  const { service } = schema;
  const infoSchema = schema.message<RequestInfo>("ConformancePayload.RequestInfo");
  const payloadSchema = schema.message<Payload>("ConformancePayload");
  const inputs = service.method;

  function requestInfo(context: HandlerContext, requests: Any[]): RequestInfo {
    const timeoutMs = context.timeoutMs();
    const query = context.requestMethod === "GET" ? new URL(context.url).searchParams : undefined;
    return create(infoSchema, {
      requestHeaders: protoHeaders(context.requestHeader),
      requests,
      ...(timeoutMs !== undefined && { timeoutMs: BigInt(Math.floor(timeoutMs)) }),
      ...(query !== undefined && { connectGetInfo: { queryParams: protoHeaders(query) } }),
    });
  }

  function payload(data: Uint8Array | undefined, info?: RequestInfo): { payload: Payload } {
    return { payload: create(payloadSchema, { ...(data && { data }), ...(info && { requestInfo: info }) }) };
  }

  /** The error that was asked for; it says what arrived where no message has. */
  function errorOf({ code, message, details }: ErrorMessage, info?: RequestInfo): ConnectError {
    const error = new ConnectError(message ?? "", code);
    const all = info === undefined ? details : [...details, anyPack(infoSchema, info)];
    // Connect has a detail as its type's name and its bytes: it goes out as it came.
    error.details = all.map(({ typeUrl, value }) => ({ type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1), value }));
    return error;
  }

  function answerOnce(definition: UnaryDefinition | undefined, requests: Any[], context: HandlerContext) {
    sendHeaders(definition, context);
    const info = requestInfo(context, requests);
    const answer = () => {
      if (definition?.response.case === "error") {
        throw errorOf(definition.response.value, info);
      }
      return payload(definition?.response.value, info);
    };
    // Without a promise where none is needed, as many handlers are.
    return definition?.responseDelayMs ? wait(definition, context).then(answer) : answer();
  }

  /** The answers that are left after the first `sent`, and the error that was asked for. */
  async function* answersFrom(
    sent: number,
    definition: StreamDefinition | undefined,
    requests: Any[],
    context: HandlerContext,
  ) {
    const info = sent === 0 ? requestInfo(context, requests) : undefined;
    const { responseData = [], error } = definition ?? {};
    for (const [at, data] of responseData.slice(sent).entries()) {
      await wait(definition, context);
      yield payload(data, at === 0 ? info : undefined);
    }
    if (error !== undefined) {
      throw errorOf(error, responseData.length === 0 ? info : undefined);
    }
  }

  const methods: Partial<ServiceImpl<ConformanceService>> = {
    unary: (request, context) =>
      answerOnce(request.responseDefinition, [anyPack(inputs.unary.input, request)], context),
    idempotentUnary: (request, context) =>
      answerOnce(request.responseDefinition, [anyPack(inputs.idempotentUnary.input, request)], context),
    async clientStream(messages, context) {
      const requests: Any[] = [];
      let first: ClientStreamRequest | undefined;
      for await (const request of messages) {
        first ??= request;
        requests.push(anyPack(inputs.clientStream.input, request));
      }
      return answerOnce(first?.responseDefinition, requests, context);
    },
    serverStream(request, context) {
      sendHeaders(request.responseDefinition, context);
      return answersFrom(0, request.responseDefinition, [anyPack(inputs.serverStream.input, request)], context);
    },
    async *bidiStream(messages, context) {
      let requests: Any[] = [];
      let definition: StreamDefinition | undefined;
      let isFirst = true;
      let isFullDuplex = false;
      let sent = 0;
      for await (const request of messages) {
        if (isFirst) {
          isFirst = false;
          isFullDuplex = request.fullDuplex;
          definition = request.responseDefinition;
          sendHeaders(definition, context);
        }
        requests.push(anyPack(inputs.bidiStream.input, request));
        if (isFullDuplex) {
          const data = definition?.responseData[sent];
          if (data === undefined) {
            break; // no answer is left for a message: the error is due
          }
          await wait(definition, context);
          const info = sent === 0 ? requestInfo(context, requests) : create(infoSchema, { requests });
          yield payload(data, info);
          requests = [];
          sent++;
        }
      }
      yield* answersFrom(sent, definition, requests, context);
    },
  };
  // As `implement` has it, which wants every method.
  return { service, methods: methods as Implementation["methods"] };
}

type Definition = Pick<UnaryDefinition, "responseHeaders" | "responseTrailers" | "responseDelayMs">;

function sendHeaders(definition: Definition | undefined, context: HandlerContext): void {
  appendHeaders(context.responseHeader, definition?.responseHeaders ?? []);
  appendHeaders(context.responseTrailer, definition?.responseTrailers ?? []);
}

async function wait(definition: Definition | undefined, { signal }: HandlerContext): Promise<void> {
  if (definition?.responseDelayMs) {
    await delay(definition.responseDelayMs, undefined, { signal });
  }
}
