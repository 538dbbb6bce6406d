import { codeToString } from "@connectrpc/connect/protocol-connect";
import { parseTimeoutMs } from "../../src/call/deadline.ts";
import { GIVES_FRAMING_FIELD } from "./handlers.ts";
import { DOES_HEADER } from "./interceptors.ts";
import type { Difference, Outcome } from "./outcome.ts";
import type { Fields, RawRequest } from "./raw-client.ts";
import type { ServerName } from "./servers.ts";

/** Who is compared with whom. */
export type Pair = readonly [ours: ServerName, theirs: ServerName];

/** Where two answers to one request may differ, and why ours is right to. */
interface Justification {
  readonly reason: string;
  matches(difference: Difference, situation: Situation): boolean;
}

/** A request and what it led to: ours is the port's, or of its two ways the lean one's. */
export interface Situation {
  readonly request: RawRequest;
  readonly ours: Outcome;
  readonly theirs: Outcome;
}

const named = (fields: Fields, name: string) => fields.find(([other]) => other === name)?.[1];
const fieldOf = ({ fields }: RawRequest, name: string) =>
  fields
    .filter(([other]) => other === name)
    .map(([, value]) => value)
    .join(", ");
const has = ({ fields }: RawRequest, name: string) => fields.some(([other]) => other === name);
const typeOf = (request: RawRequest) => fieldOf(request, "content-type");
const isGrpc = (request: RawRequest) => /^application\/grpc/i.test(typeOf(request));
const isConnectUnary = (request: RawRequest) =>
  !/^application\/(?:grpc|connect\+)/i.test(typeOf(request)) && /\/(?:Look|Act)$/.test(pathOf(request));
const pathOf = ({ target }: RawRequest) => target.split("?")[0] ?? "";
const timeoutNameOf = (request: RawRequest) => (isGrpc(request) ? "grpc-timeout" : "connect-timeout-ms");

/** A timeout that the request asks for in the right form, in milliseconds. */
function askedTimeoutMs(request: RawRequest): number | undefined {
  const name = timeoutNameOf(request);
  return has(request, name) ? parseTimeoutMs(name, fieldOf(request, name)) : undefined;
}

const UNREAD = [
  ['"code":"internal"', '"code":"invalid_argument"'],
  [
    '{"code":"internal","message":"internal error"}',
    '{"code":"invalid_argument","message":"the request could not be read"}',
  ],
] as const;

/** The end of a stream with an internal error as one without, in gRPC-Web and in Connect. */
function asSuccess(body: string): string {
  return withoutLengths(body)
    .replace("grpc-message: internal%20error\r\ngrpc-status: 13", "grpc-status: 0")
    .replace(/"error":\{"code":"internal","message":"internal error"\},?/, "");
}

/** The flags and contents of a body's envelopes. */
function withoutLengths(body: string): string {
  const bytes = Buffer.from(body, "latin1");
  let contents = "";
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    contents += body[at] + body.slice(at + 5, end);
    at = end;
  }
  return contents;
}

/** All that an answer may hold an error's message in. */
function messageOf({ trailers, body }: Outcome["answer"]): string {
  return decodeURIComponent(named(trailers, "grpc-message") ?? "") || body.toString().replaceAll("%20", " ");
}

/** Whether two bodies over gRPC-Web differ in their trailers only. */
function isWebTrailersOnly(ours: string, theirs: string): boolean {
  const [our, their] = [ours, theirs].map((body) =>
    body.lastIndexOf(body.includes("\x81\0\0") ? "\x81\0\0" : "\x80\0\0"),
  );
  return our !== undefined && our >= 0 && our === their && ours.slice(0, our) === theirs.slice(0, their);
}

/** The code of an answer that is an error, by Connect's name. */
function codeOf({ answer }: Outcome): string | undefined {
  const body = answer.body.toString();
  const status =
    named(answer.trailers, "grpc-status") ??
    /grpc-status: ?(\d+)/.exec(body)?.[1] ??
    named(answer.fields, "grpc-status");
  return status === undefined ? /"code":"(\w+)"/.exec(body)?.[1] : codeToString(Number(status));
}

/** The deadline of a request that gives less than a millisecond. */
const hasNoTime = (request: RawRequest) => (askedTimeoutMs(request) ?? 1) < 1;
const does = (request: RawRequest, deed: string) => fieldOf(request, DOES_HEADER).split(",").includes(deed);

/** The interceptors that answer with a head and trailers of their own. */
const OWN_HEADS = ["empty-response-header", "answer-instead-of-error", "answer-itself"];

/** In what the lean path may differ from Connect's handlers, whatever carries those. */
const LEAN: readonly Justification[] = [
  {
    reason: "A unary answer over gRPC-Web is known as a whole, and has its length over HTTP/1.1.",
    matches: ({ aspect, ours, theirs }, { request, ours: { answer } }) =>
      request.version === "1.1" &&
      aspect === "header content-length" &&
      theirs === undefined &&
      ours === String(answer.body.length) &&
      /^application\/grpc-web/i.test(typeOf(request)),
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
      OWN_HEADS.some((deed) => does(request, deed)) &&
      ((/^(?:header|trailer) (?!grpc-encoding$)/.test(aspect) && ours === undefined && theirs !== undefined) ||
        (aspect === "body" && isWebTrailersOnly(ours ?? "", theirs ?? "") && answer.status === 200)),
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
    reason: "A field of HTTP's framing that a handler sets makes an answer that is none, where it is not replaced.",
    matches: (_difference, { ours, theirs }) =>
      ours.seen.some((facts) => facts["where"] === GIVES_FRAMING_FIELD) &&
      [ours, theirs].some(({ answer }) => answer.end !== "complete"),
  },
];

/** In what the port, by either way, may differ from connect-node. */
export const FROM_CONNECT_NODE: readonly Justification[] = [
  {
    reason: "The port's own: every answer has a request id, and says that it depends on the origin (CORS).",
    matches: ({ aspect, theirs }) => /^header (?:x-request-id|vary)$/.test(aspect) && theirs === undefined,
  },
  {
    reason: "A handler's own vary stands beside the port's.",
    matches: ({ aspect, ours = "", theirs = "" }) => aspect === "header vary" && ours === `origin, ${theirs}`.trim(),
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
      request.version === "2" &&
      answer.end !== "complete" &&
      ours.seen.some((facts) => facts["where"] === GIVES_FRAMING_FIELD),
  },
  {
    reason:
      "The messages of a stream are taken one after the other. Of those that come in one piece, Connect splits all before it gives the first: what is wrong with the length of one, it answers in the place of all before.",
    matches: (_difference, { request, ours, theirs: { answer, seen } }) =>
      !isConnectUnary(request) &&
      /message size \d+ is larger/.test(messageOf(answer)) &&
      (ours.seen.length > seen.length || messageOf(ours.answer) !== messageOf(answer)),
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

/** Faults of ours, to be mended: each is told to whoever owns the code. */
export const KNOWN_FAULTS: readonly Justification[] = [
  {
    reason: "An empty encoding is none to the lean path, and unknown to Connect's handlers (src/wire/unary-plan.ts).",
    matches: (_difference, { request }) =>
      request.fields.some(([name, value]) => /^(?:content|grpc)-encoding$/.test(name) && value === ""),
  },
  {
    reason:
      "An interceptor that answers with a head of its own loses content-type, grpc-status and grpc-encoding, though messages may be compressed; by Connect's handlers, the last is mostly there by the mistake that is named above.",
    matches: ({ aspect, ours }, { request }) =>
      aspect === "header grpc-encoding" && ours === undefined && OWN_HEADS.some((deed) => does(request, deed)),
  },
  {
    reason: "The lean path leaves an answer open that node:http does not write: the field `trailer` beside a length.",
    matches: ({ aspect }, { request, ours, theirs }) =>
      request.version === "1.1" &&
      aspect === "end" &&
      ours.answer.end === "nothing comes" &&
      theirs.answer.end === "broken off",
  },
  {
    reason:
      "White space at the edges of a grpc-message is lost, as it is not percent-encoded (src/wire/grpc-message.ts).",
    matches: ({ aspect, ours = "", theirs = "" }, { request }) =>
      aspect === "trailer grpc-message" &&
      isGrpc(request) &&
      decodeURIComponent(ours) === decodeURIComponent(theirs).trim(),
  },
  {
    reason:
      "An answer without a body to gRPC-Web's text form (405, 415, 505) has an empty content-type (src/wire/grpc-web-text.ts).",
    matches: ({ aspect, ours, theirs }, { ours: { answer } }) =>
      aspect === "header content-type" && ours === "" && theirs === undefined && answer.body.length === 0,
  },
  {
    reason: "Unreadable over Connect, and without time: the message is that of the deadline (src/wire/rpc.ts).",
    matches: ({ aspect }, { request, ours, theirs }) =>
      hasNoTime(request) &&
      /^(?:status|body|header content-length)$/.test(aspect) &&
      ours.answer.status === 400 &&
      theirs.answer.status === 500 &&
      ours.answer.body.includes("the operation timed out"),
  },
  {
    reason: "Of trailers that are doubled, HTTP/1.1 gets the last (src/server/node-exchange.ts).",
    matches: ({ aspect, ours = "", theirs = "" }, { request }) =>
      request.version === "1.1" && aspect === "trailer set-cookie" && theirs.endsWith(`\n${ours}`),
  },
  {
    reason:
      "An empty vary of a handler's makes one that ends in white space, which clients drop (src/server/http2-exchange.ts).",
    matches: ({ aspect, ours, theirs }, { request }) =>
      request.version === "2" && aspect === "header vary" && ours === undefined && theirs === "",
  },
];

function sameMessage(ours: string, theirs: string): boolean {
  return decodeURIComponent(ours) === decodeURIComponent(theirs);
}

const OF_CONNECT_NODE = [...FROM_CONNECT_NODE, ...KNOWN_FAULTS];
const OF_LEAN = [...LEAN, ...KNOWN_FAULTS];

/** Whether something says why a difference is right, or that it is known. */
export function justified([our, their]: Pair, difference: Difference, situation: Situation): boolean {
  const justifications = [...(our === "lean" ? OF_LEAN : []), ...(their === "connect-node" ? OF_CONNECT_NODE : [])];
  return justifications.some(({ matches }) => matches(difference, situation));
}
