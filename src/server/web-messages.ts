import { AsyncLocalStorage } from "node:async_hooks";
import type { Socket } from "node:net";
import { Writable } from "node:stream";
import type { Clock, Timer } from "../call/clock.ts";
import { ErrorCode, type StreamError, type StreamListener } from "../http2/index.ts";
import { SocketView } from "./socket-view.ts";
import { type WebHead, type WebPeer, WebRequest, type WebStream } from "./web-request.ts";
import { WebResponse } from "./web-response.ts";

export interface WebMessagesOptions {
  readonly head: WebHead;
  /** The connection's, a TLSSocket where it is encrypted. */
  readonly socket: Socket;
  readonly clock: Clock;
}

export interface WebMessages {
  readonly request: WebRequest;
  readonly response: WebResponse;
  /**
   * To be told of what the stream has to tell: what came already is told first, in its order. It never throws, and
   * nothing of the application runs within it: that comes right after, in the asynchronous context in which the messages
   * were made, so that `currentCall()` knows their call.
   */
  readonly listener: StreamListener;
}

/**
 * Makes a request and a response for a web application of a stream whose head has come, and whose answer nobody has
 * begun. Body bytes are pushed by the listener and kept, unacknowledged, until the application reads.
 *
 * The engine closes a stream that is answered in whole: a request that is not complete by then ends there, with an error
 * if somebody is reading it.
 */
export function webMessages(stream: WebStream, { head, socket, clock }: WebMessagesOptions): WebMessages {
  const inContext = AsyncLocalStorage.snapshot();
  const parts: Uint8Array[] = [];
  let isWoken = false;
  let hasRoom = false;
  let closed: { readonly isBroken: boolean } | undefined;
  let view: SocketView | undefined;
  let idle: { readonly timeoutMs: number; timer: Timer } | undefined;
  let activeAt = 0;

  const peer: WebPeer = {
    stream,
    get socket() {
      view ??= new SocketView(socket, peer, () => response.destroy());
      return view.proxy;
    },
    read: () => parts.shift(),
    onReadable: () => undefined,
    onDrain: () => undefined,
    onRequestDestroyed: () => response.destroy(),
    onResponseOver() {
      if (request.complete && !isTouched(request)) {
        request.resume(); // nobody ever looked at it: its end and close come all the same, as node:http's
      }
    },
    onActivity() {
      activeAt = idle === undefined ? 0 : clock.now();
    },
    setTimeout(timeoutMs) {
      idle?.timer.cancel();
      idle = undefined;
      if (timeoutMs > 0 && closed === undefined) {
        activeAt = clock.now();
        idle = { timeoutMs, timer: clock.schedule(timeoutMs, onIdle) };
      }
    },
  };
  const request = new WebRequest(peer, head);
  const response = new WebResponse(peer, request);

  function onIdle(): void {
    if (idle === undefined) {
      return;
    }
    const leftMs = activeAt + idle.timeoutMs - clock.now();
    if (leftMs > 0) {
      idle.timer = clock.schedule(leftMs, onIdle);
      return;
    }
    idle = undefined;
    inContext(() => {
      const heard = [request.emit("timeout"), response.emit("timeout"), view?.events.emit("timeout")];
      if (!heard.includes(true)) {
        response.destroy(); // as node:http, where nobody decides otherwise
      }
    });
  }

  /** The engine is in the middle of its work: an application that throws must not tear that. */
  function wake(): void {
    if (!isWoken) {
      isWoken = true;
      inContext(() => process.nextTick(settle));
    }
  }

  function settle(): void {
    isWoken = false;
    peer.onReadable();
    // A response that is broken off has no room: whoever writes while there is some would never end.
    if (closed === undefined ? hasRoom : !closed.isBroken) {
      hasRoom = false;
      peer.onDrain();
    }
    if (closed !== undefined) {
      idle?.timer.cancel();
      idle = undefined;
      if (closed.isBroken) {
        request.destroy(lostPeer());
        response.destroy();
      } else if (!request.complete) {
        request.destroy(isTouched(request) ? lostPeer() : undefined);
      }
      view?.close();
    }
  }

  const listener: StreamListener = {
    onHead: () => undefined, // a client's
    onInformation: () => undefined,
    onData(bytes) {
      if (request.destroyed || bytes.byteLength === 0) {
        stream.consumed(bytes.byteLength);
        return;
      }
      parts.push(bytes);
      peer.onActivity();
      wake();
    },
    onTrailers(fields) {
      for (const { name, value } of fields) {
        request.rawTrailers.push(name, value);
      }
    },
    onEnd() {
      request.complete = true;
      wake();
    },
    onDrain() {
      hasRoom = true;
      peer.onActivity();
      wake();
    },
    onClose(error) {
      closed = { isBroken: error !== undefined };
      wake();
    },
  };
  if (stream.isClosed) {
    listener.onClose(ALREADY_GONE);
  }
  return { request, response, listener };
}

/** Who has reset a stream before its messages were made is not known any more, and nobody asks. */
const ALREADY_GONE: StreamError = { code: ErrorCode.CANCEL, byPeer: true, isUnprocessed: false, reason: "" };

const REQUEST_MEMBERS = membersOf(WebRequest.prototype);
/** Writable's as well: node:http's OutgoingMessage is none. Readable's are in the chain of its IncomingMessage. */
const RESPONSE_MEMBERS = { ...membersOf(Writable.prototype), ...membersOf(WebResponse.prototype) };

/**
 * Makes what their classes give to a request and a response their own, for frameworks that put other prototypes, made
 * from node:http's, in the place of those, as Express does. To be called before anybody changes them.
 */
export function keepWebMembers(request: WebRequest, response: WebResponse): void {
  Object.defineProperties(request, REQUEST_MEMBERS);
  Object.defineProperties(response, RESPONSE_MEMBERS);
}

function membersOf(prototype: object): PropertyDescriptorMap {
  const { constructor: _, ...members } = Object.getOwnPropertyDescriptors(prototype) as PropertyDescriptorMap;
  return members;
}

/** Somebody has begun to read, or paused. */
function isTouched(request: WebRequest): boolean {
  return request.readableFlowing !== null || request.readableDidRead;
}

function lostPeer(): Error {
  return Object.assign(new Error("aborted"), { code: "ECONNRESET" }); // node:http's own words
}
