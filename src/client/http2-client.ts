import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { Http2Call } from "./http2-call.ts";
import type { Http2Target } from "./http2-target.ts";

/**
 * Connect's HTTP client over our own engine: what Connect's transports send goes to `target`. The promise rejects with a
 * ConnectError where there is no answer: `unavailable` where no connection could be made or it was lost, what the peer's
 * reset code stands for, or the signal's reason. The same breaks off the answer's body. Leaving the body's loop early
 * cancels the stream; so does the signal.
 */
export function createHttp2Client(target: Http2Target): UniversalClientFn {
  return async (request) => {
    const url = new URL(request.url);
    if (url.origin !== target.origin) {
      throw new ConnectError(`a request to ${url.origin} cannot go to ${target.origin}`, Code.Internal);
    }
    return new Http2Call(request, url, target).response;
  };
}
