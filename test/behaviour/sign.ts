import type { Interceptor } from "@connectrpc/connect";
import { currentCall } from "portico";

/** Header fields by which the suite sees which interceptors a call went through, in which order, and in which call. */
export const SIGNATURES = { request: "x-signed-request", response: "x-signed-response" } as const;

/** An interceptor that signs a call on its way in and on its way out: its name, and the call that it finds itself in. */
export function sign(name: string): Interceptor {
  return (next) => async (request) => {
    request.header.append(SIGNATURES.request, `${name}=${currentCall().requestId}`);
    const response = await next(request);
    response.header.append(SIGNATURES.response, `${name}=${currentCall().requestId}`);
    return response;
  };
}
