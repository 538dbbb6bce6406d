import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";

/** What node:http or node:http2 has read. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;
export type NodeResponse = ServerResponse | Http2ServerResponse;

/**
 * Breaks an answer off. Over HTTP/2 a mere `destroy` would tell the peer that all is well; it is told by its stream, as
 * Express puts another prototype in the place of the class's.
 */
export function breakOff(response: NodeResponse): void {
  if ("stream" in response) {
    response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  } else {
    response.destroy();
  }
}

/**
 * Makes what a class gives to a request or response its own. Express puts a prototype in the place of theirs that is made
 * from node:http's: its methods would find nothing that they know, hang, or throw where nobody catches.
 */
export function keepMembers(message: object, prototype: object): void {
  for (const name of Reflect.ownKeys(prototype)) {
    const member = Object.getOwnPropertyDescriptor(prototype, name);
    if (member !== undefined && name !== "constructor" && !Object.hasOwn(message, name)) {
      Object.defineProperty(message, name, member);
    }
  }
}

/** node:http2's compatibility class has ServerResponse's methods as far as they are used here, but not its types. */
export function writer(response: NodeResponse): ServerResponse {
  return response as ServerResponse;
}
