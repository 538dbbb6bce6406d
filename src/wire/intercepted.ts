import type { Interceptor } from "@connectrpc/connect";

/**
 * What `next` is within interceptors, the first outermost. As with Connect, each is asked anew for every call.
 *
 * @param next takes unary requests, or those of streams: an interceptor answers as it is asked, which its type does not say
 */
export function intercepted<Next>(interceptors: readonly Interceptor[], next: Next): Next {
  let within = next;
  for (let at = interceptors.length - 1; at >= 0; at--) {
    within = (interceptors[at] as unknown as (inner: Next) => Next)(within);
  }
  return within;
}
