import { DOES_HEADER } from "./interceptors.ts";
import {
  codeOf,
  fieldOf,
  framingFieldsIn,
  hasNoTime,
  hasOwnHead,
  isGrpc,
  type Justification,
  pathOf,
  withoutLengths,
} from "./situation.ts";

/** Faults of ours, to be mended: each is told to whoever owns the code. */
export const KNOWN_FAULTS: readonly Justification[] = [
  {
    reason: "An empty encoding is none to the lean path, and unknown to Connect's handlers (src/wire/call-plan.ts).",
    matches: (_difference, { request }) =>
      request.fields.some(([name, value]) => /^(?:content|connect-content|grpc)-encoding$/.test(name) && value === ""),
  },
  {
    reason:
      "An interceptor that answers with a head of its own loses content-type, grpc-status and grpc-encoding, though messages may be compressed; by Connect's handlers, the last is mostly there by the mistake that is named above.",
    matches: ({ aspect, ours }, { request }) =>
      / grpc-encoding$/.test(aspect) && ours === undefined && hasOwnHead(request),
  },
  {
    reason: "The lean path leaves an answer open that node:http does not write: the field `trailer` beside a length.",
    matches: (_difference, { request, ours }) =>
      request.version === "1.1" && ours.answer.end === "nothing comes" && framingFieldsIn(ours).includes("trailer"),
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
  {
    reason:
      "An empty value that is added to another makes a field that ends in white space, which clients of HTTP/2 drop; the lean path cuts it (src/server/http2-exchange.ts).",
    matches: ({ aspect, ours, theirs }, { request }) =>
      request.version === "2" &&
      /^(?:header|trailer) /.test(aspect) &&
      theirs === undefined &&
      ours?.endsWith(",") === true,
  },
  {
    reason:
      "Of a stream, interceptors get what the handler gives, though it is no message but an object with some of its fields: by Connect's handlers it is a message first, with all (src/wire/stream-call.ts).",
    matches: (_difference, { request, ours }) =>
      /\/(?:Tell|Collect|Talk)$/.test(pathOf(request)) &&
      /(?:^|,)change-response-message(?:,|$)/.test(fieldOf(request, DOES_HEADER)) &&
      (codeOf(ours) === "internal" || /undefined answered/.test(ours.answer.body.toString())),
  },
  {
    reason:
      "Of an empty value that is added to another, bodies that hold metadata or trailers lack the space behind the comma.",
    matches: ({ aspect, ours = "", theirs = "" }, { request }) =>
      aspect === "body" &&
      /json|connect\+|grpc-web/i.test(fieldOf(request, "content-type")) &&
      withoutLengths(ours) === withoutLengths(theirs).replaceAll(/, (?="|\r\n)/g, ","),
  },
];
