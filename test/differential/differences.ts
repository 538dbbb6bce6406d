import { parseTimeoutMs } from "../../src/call/deadline.ts";
import type { Difference } from "./outcome.ts";
import type { ServerName } from "./servers.ts";
import {
  askedTimeoutMs,
  asSuccess,
  codeOf,
  framingFieldsIn,
  has,
  hasNoTime,
  hasOwnHead,
  isConnectUnary,
  isEndOnly,
  isGrpc,
  type Justification,
  messageOf,
  named,
  pathOf,
  type Situation,
  sameMessage,
  timeoutNameOf,
  typeOf,
  withoutLengths,
} from "./situation.ts";

/** Who is compared with whom. */
export type Pair = readonly [ours: ServerName, theirs: ServerName];

/** In what Connect's handlers stand alone, as far as they get several envelopes at once: the port gives them each alone. */
const ENVELOPES_IN_ONE_PIECE: Justification = {
  reason:
    "The messages of a stream are taken one after the other. Of those that come in one piece, Connect splits all before it gives the first: what is wrong with the length of one, it answers in the place of all before.",
  matches: (_difference, { request, theirs: { answer, seen } }) =>
    !isConnectUnary(request) && /message size \d+ is larger/.test(messageOf(answer) + JSON.stringify(seen)),
};

/** In what the lean path may differ from Connect's handlers, whatever carries those. */
const LEAN: readonly Justification[] = [
  ENVELOPES_IN_ONE_PIECE,
  {
    reason: "An answer of envelopes that is whole before its head is written has its length over HTTP/1.1.",
    matches: ({ aspect, ours, theirs }, { request, ours: { answer } }) =>
      request.version === "1.1" &&
      aspect === "header content-length" &&
      theirs === undefined &&
      ours === String(answer.body.length) &&
      /^application\/(?:grpc-web|connect\+)/i.test(typeOf(request)),
  },
  {
    reason:
      "Without time, a request is answered before it is read; and within a nanosecond, it may be answered: whether a deadline has passed is found out by who looks.",
    matches: (_difference, { request, ours, theirs }) =>
      hasNoTime(request) && [ours, theirs].some((outcome) => codeOf(outcome) === "deadline_exceeded"),
  },
  {
    reason:
      "An interceptor's own head and trailers stand in the place of the handler's. Connect forgets only every other field of those (copyHeaders deletes while it goes through them).",
    matches: ({ aspect, ours, theirs }, { request, ours: { answer } }) =>
      hasOwnHead(request) &&
      ((/^(?:header|trailer|seen \d+ response(?:Header|Trailer)) /.test(aspect) &&
        !(aspect === "header grpc-encoding" && /^application\/grpc/i.test(typeOf(request))) &&
        ours === undefined &&
        theirs !== undefined) ||
        /^header (?:x-request-id|vary)$/.test(aspect) || // where the handler's is gone, the port's own stands
        (aspect === "header content-length" && theirs === undefined) || // which it has not beside announced trailers
        (aspect === "body" && isEndOnly(ours ?? "", theirs ?? "") && answer.status === 200)),
  },
  {
    reason:
      "An interceptor's own head and trailers keep what the protocol has to have there: content-type, the encoding and the status. Without them an answer is none, and a compressed message is unreadable.",
    matches: ({ aspect, ours, theirs }, { request }) =>
      hasOwnHead(request) &&
      /^(?:(?:header|seen \d+ responseHeader) (?:content-type|(?:grpc|connect-content)-encoding)|(?:trailer|seen \d+ responseTrailer) grpc-status)$/.test(
        aspect,
      ) &&
      ours !== undefined &&
      theirs === undefined,
  },
  {
    reason:
      "An answer that node:http2's client refuses, such as by a handler's content-length: it says so in two ways.",
    matches: ({ aspect }, { request, ours, theirs }) =>
      request.version === "2" &&
      aspect === "end" &&
      [ours, theirs].every(({ answer }) => answer.status === undefined && answer.end !== "nothing comes"),
  },
  {
    reason:
      "A grpc-message that a handler itself gives a call which succeeds goes out as it is, or is percent-encoded.",
    matches: ({ aspect, ours = "", theirs = "" }, { request }) =>
      aspect === "trailer grpc-message" && isGrpc(request) && sameMessage(ours, theirs),
  },
  {
    reason: "A field of HTTP's framing that a handler sets makes an answer that is none, where it is not replaced.",
    matches: (_difference, { ours, theirs }) =>
      framingFieldsIn(ours).some((name) => name !== "trailer") &&
      [ours, theirs].some(({ answer }) => answer.end !== "complete"),
  },
];

/** What Connect says of a request that cannot be read, and what the port says. */
const UNREAD = [
  ['"code":"internal"', '"code":"invalid_argument"'],
  [
    '{"code":"internal","message":"internal error"}',
    '{"code":"invalid_argument","message":"the request could not be read"}',
  ],
] as const;

/** In what the port, by either way, may differ from connect-node. */
const FROM_CONNECT_NODE: readonly Justification[] = [
  ENVELOPES_IN_ONE_PIECE,
  {
    reason: "The port's own: every answer has a request id, and says that it depends on the origin (CORS).",
    matches: ({ aspect, theirs }) => /^header (?:x-request-id|vary)$/.test(aspect) && theirs === undefined,
  },
  {
    reason: "A handler's own vary stands beside the port's.",
    matches: ({ aspect, ours = "", theirs = "" }) =>
      aspect === "header vary" && ours === (theirs.trim() === "" ? "origin" : `origin, ${theirs}`),
  },
  {
    reason: "405 says what is allowed (RFC 9110, 15.5.6), and 415 what is taken (15.5.16).",
    matches: ({ aspect, theirs }, { ours: { answer } }) =>
      theirs === undefined &&
      ((aspect === "header allow" && answer.status === 405) ||
        (aspect === "header accept-post" && answer.status === 415)),
  },
  {
    reason: "An answer without a body has a length over HTTP/1.1, where connect-node sends a chunked body of none.",
    matches: ({ aspect, ours, theirs }, { request, ours: { answer } }) =>
      aspect === "header content-length" &&
      ours === "0" &&
      theirs === undefined &&
      request.version === "1.1" &&
      answer.body.length === 0,
  },
  {
    reason:
      "grpc-message is percent-encoded no further than gRPC over HTTP/2 asks for: grpc-js undoes no more (src/wire/grpc-message.ts).",
    matches: ({ aspect, ours = "", theirs = "" }, { request }) =>
      aspect === "trailer grpc-message" && isGrpc(request) && sameMessage(ours, theirs),
  },
  {
    reason: "A unary call without a deadline gets the service's (contract, companions).",
    matches: ({ aspect, ours, theirs }, { request }) =>
      !has(request, timeoutNameOf(request)) &&
      ((/^seen \d+ hasTimeout$/.test(aspect) && ours === "true" && theirs === "false") ||
        (/^seen \d+ (?:requestHeader|header) (?:grpc-timeout|connect-timeout-ms)$/.test(aspect) &&
          /^60000m?$/.test(ours ?? "") &&
          theirs === undefined)),
  },
  {
    reason: "A deadline is clamped, and the request's header says what holds (contract, companions).",
    matches: ({ aspect, ours = "" }, { request }) => {
      const asked = askedTimeoutMs(request);
      const name = timeoutNameOf(request);
      return (
        asked !== undefined &&
        aspect.endsWith(name) &&
        aspect.startsWith("seen ") &&
        parseTimeoutMs(name, ours) === Math.min(Math.ceil(asked), 600_000)
      );
    },
  },
  {
    reason:
      "A timer of more than 2^31 ms fires at once: in connect-node, so long a time-out has passed at the beginning.",
    matches: (_difference, { request }) => (askedTimeoutMs(request) ?? 0) >= 2 ** 31,
  },
  {
    reason: "A handler that has no time is not run (contract, companions); Connect's runs, and may answer.",
    matches: (_difference, { request, ours }) =>
      hasNoTime(request) && ours.seen.length === 0 && codeOf(ours) === "deadline_exceeded",
  },
  {
    reason: "Within less than a millisecond, a signal has aborted or not when a handler looks.",
    matches: ({ aspect }, { request }) => hasNoTime(request) && /^seen \d+ isAborted$/.test(aspect),
  },
  {
    reason:
      "What is thrown is an error, also where it is undefined: Connect's streams, and all of gRPC, answer that all is well.",
    matches: ({ aspect, ours = "", theirs = "" }, { ours: outcome, theirs: their }) =>
      codeOf(outcome) === "internal" &&
      ((aspect === "trailer grpc-status" &&
        ours === "13" &&
        named(their.answer.trailers, "grpc-message") === undefined) ||
        (aspect === "trailer grpc-message" && theirs === "" && ours === "internal error") ||
        (aspect === "body" && asSuccess(ours) === withoutLengths(theirs))),
  },
  {
    reason:
      "node:http2 throws at a field of the connection that a handler sets, and connect-node never answers; ours drops it, as HTTP/2 has none.",
    matches: (_difference, { request, ours, theirs: { answer } }) =>
      request.version === "2" && answer.end !== "complete" && framingFieldsIn(ours).some((name) => name !== "trailer"),
  },
  {
    reason:
      "An empty value that is added to another makes a field that ends in white space, which HTTP/2 does not have (RFC 9113, 8.2.1): connect-node sends it, and clients drop it; ours is cut.",
    matches: ({ aspect, ours, theirs }, { request }) =>
      request.version === "2" &&
      /^(?:header|trailer) /.test(aspect) &&
      theirs === undefined &&
      ours?.endsWith(",") === true,
  },
  {
    reason:
      "node:http throws where a handler announces trailers of a body with a length, and connect-node's answer is lost; ours is written in chunks.",
    matches: (_difference, { request, ours, theirs: { answer } }) =>
      request.version === "1.1" && answer.end !== "complete" && framingFieldsIn(ours).includes("trailer"),
  },
  {
    reason: "A question mark with nothing behind it is no query.",
    matches: ({ aspect, ours, theirs }) => /^seen \d+ url$/.test(aspect) && theirs === `${ours}?`,
  },
  {
    reason: "The port speaks gRPC-Web's text form, which connect-node refuses: lean and universal are compared in it.",
    matches: (_difference, { request, theirs: { answer } }) =>
      (answer.status === 415 || answer.status === undefined) && /^application\/grpc-web-text/i.test(typeOf(request)),
  },
  {
    reason:
      "An unknown path is answered in the protocol that asks (contract, one port); connect-node leaves it to others.",
    matches: (_difference, { request, ours, theirs: { answer } }) =>
      answer.status === 404 &&
      answer.body.length === 0 &&
      !/^\/differential\.v1\.DifferentialService\/(?:Look|Act|Tell|Collect|Talk)$/.test(pathOf(request)) &&
      ours.seen.length === 0,
  },
  {
    reason: "What cannot be read over Connect is the caller's mistake: 400 invalid_argument (contract, one port).",
    matches: ({ aspect }, { request, ours, theirs }) =>
      /^(?:status|body|header content-(?:length|encoding))$/.test(aspect) &&
      isConnectUnary(request) &&
      ours.answer.status === 400 &&
      theirs.answer.status === 500 &&
      UNREAD.some(([from, to]) => theirs.answer.body.toString().replace(from, to) === ours.answer.body.toString()),
  },
];

/** Whether something says why a difference is right. */
export function justified([our, their]: Pair, difference: Difference, situation: Situation): boolean {
  const justifications = [...(our === "lean" ? LEAN : []), ...(their === "connect-node" ? FROM_CONNECT_NODE : [])];
  return justifications.some(({ matches }) => matches(difference, situation));
}
