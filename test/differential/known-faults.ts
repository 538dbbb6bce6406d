import { fieldOf, type Justification, withoutLengths } from "./situation.ts";

/** Faults of ours, to be mended: each is told to whoever owns the code. */
export const KNOWN_FAULTS: readonly Justification[] = [
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
      "Of an empty value that is added to another, bodies that hold metadata or trailers lack the space behind the comma.",
    matches: ({ aspect, ours = "", theirs = "" }, { request }) =>
      aspect === "body" &&
      /json|connect\+|grpc-web/i.test(fieldOf(request, "content-type")) &&
      withoutLengths(ours) === withoutLengths(theirs).replaceAll(/, (?="|\r\n)/g, ","),
  },
];
