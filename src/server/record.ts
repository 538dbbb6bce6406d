import type { ActiveCall } from "../call/call.ts";
import type { AnswerWatch } from "./answer-watch.ts";
import type { ReceivedHead } from "./received-head.ts";
import type { Refusal } from "./refusal.ts";
import type { ServedExchange } from "./served-exchange.ts";
import { splitUrl } from "./target.ts";

/** What the port tells of a request once it is over, answered or not. */
export interface RequestRecord {
  /** Undefined for a request that could not be read as one. */
  readonly call: ActiveCall | undefined;
  readonly requestId: string;
  readonly remoteAddress: string;
  /** Who the peer is by its certificate. */
  readonly peerIdentity?: string | undefined;
  /** Empty for a request that could not be read as one. */
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly httpVersion: string;
  /** The status of the answer; 499 where the caller went away before there was one. */
  readonly status: number;
  /** Bytes of the answer's body. */
  readonly responseBytes: number;
  readonly durationMs: number;
  /** The caller went away before it had the whole answer. */
  readonly aborted: boolean;
}

/** The record of an exchange that has its answer, or never will. */
export function recordOf({ call, received, answer }: ServedExchange): RequestRecord {
  const { head, client, certificate, path, query, target } = received;
  const split = target === undefined || !head.url.startsWith("/") ? splitUrl(head.url) : { path, query };
  return {
    call,
    requestId: call.requestId,
    remoteAddress: client.address,
    peerIdentity: certificate.identity?.name,
    method: head.method,
    path: split.path,
    query: split.query,
    httpVersion: head.httpVersion,
    status: answer.status,
    responseBytes: hasBody(head, answer) ? answer.bytes : 0,
    durationMs: call.clock.now() - call.startedAt,
    aborted: !answer.finished,
  };
}

/** The record of what never became a call. */
export function unreadRecord(requestId: string, remoteAddress: string, { status, bytes }: Refusal): RequestRecord {
  return {
    call: undefined,
    requestId,
    remoteAddress,
    peerIdentity: undefined,
    method: "",
    path: "",
    query: "",
    httpVersion: "",
    status,
    responseBytes: bytes,
    durationMs: 0,
    aborted: false,
  };
}

/** Whoever answers may write a body where none is sent (RFC 9110, 6.4.1). */
function hasBody({ method }: ReceivedHead, { status }: AnswerWatch): boolean {
  return method !== "HEAD" && status !== 204 && status !== 304;
}
