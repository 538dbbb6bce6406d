import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import type { StreamResponse, Transport, UnaryResponse } from "@connectrpc/connect";
import { callInProgress } from "../../call/current.ts";
import { CallLife } from "./call-life.ts";
import { mannerOf } from "./call-manner.ts";
import { interceptedStream, interceptedUnary } from "./intercepted-calls.ts";
import { MethodCalls, withEncoding } from "./method-calls.ts";
import { StreamCall } from "./stream-call.ts";
import type { CallRequest, CallTransportOptions } from "./transport-options.ts";
import { UnaryAttempts } from "./unary-attempts.ts";
import { writeUnary } from "./unary-request.ts";

/**
 * A Transport for Connect's `createClient`, in the place of Connect's own: what goes out and what comes of it is the same,
 * errors included. A call without interceptors is one object that listens to its answer; and request id, companions,
 * deadline and cancellation of the call in progress are part of it.
 */
export function createCallTransport(options: CallTransportOptions): Transport {
  const methods = new Map<DescMethod, MethodCalls>();

  function callsOf(method: DescMethod): MethodCalls {
    let calls = methods.get(method);
    if (calls === undefined) {
      calls = new MethodCalls(options, method);
      methods.set(method, calls);
    }
    return calls;
  }

  function unary(
    method: DescMethodUnary,
    asked: CallRequest,
    input: MessageInitShape<DescMessage>,
  ): Promise<UnaryResponse> {
    const calls = callsOf(method);
    const isGet =
      options.protocol === "connect" &&
      options.useHttpGet &&
      method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
    if (options.interceptors.length > 0 || isGet) {
      return interceptedUnary(options, method, calls, asked, input, isGet);
    }
    return new Promise((resolve, reject) => {
      const message = create(method.input, input); // before the call begins, as it may throw
      const { signal } = asked;
      const inProgress = callInProgress();
      const { header, limits } = calls.begin(inProgress, asked.header, asked.timeoutMs, false);
      const manner = mannerOf(asked, calls, inProgress);
      const call = new UnaryAttempts(options, method, calls, manner, { resolve, reject });
      call.outcome = new CallLife(options.counts, calls.url, options.clock, signal, inProgress, limits, call);
      writeUnary(options, call, calls, message, (body, encoding) => {
        const whole = withEncoding(options, header, encoding);
        call.start({ head: (again) => calls.head(again ? calls.again(whole, again) : whole), body });
      });
    });
  }

  async function stream(
    method: DescMethodStreaming,
    asked: CallRequest,
    input: AsyncIterable<MessageInitShape<DescMessage>>,
  ): Promise<StreamResponse> {
    const calls = callsOf(method);
    if (options.interceptors.length > 0) {
      return interceptedStream(options, method, calls, asked, input);
    }
    const inProgress = callInProgress();
    const { header, limits } = calls.begin(inProgress, asked.header, asked.timeoutMs, false);
    const call = new StreamCall(options, method, calls, input, mannerOf(asked, calls, inProgress), true);
    call.outcome = new CallLife(options.counts, calls.url, options.clock, asked.signal, inProgress, limits, call);
    call.start((again) => calls.head(again ? calls.again(header, again) : header));
    return call.response;
  }

  return {
    unary: (method, signal, timeoutMs, header, input, contextValues) =>
      // The answer's type is the method's: the compiler does not see that it was read by it.
      unary(method, { signal, timeoutMs, header, contextValues }, input) as Promise<UnaryResponse<never, never>>,
    stream: (method, signal, timeoutMs, header, input, contextValues) =>
      stream(method, { signal, timeoutMs, header, contextValues }, input) as Promise<StreamResponse<never, never>>,
  };
}
