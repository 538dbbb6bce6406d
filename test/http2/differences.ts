import type { Observed, ObservedRequest } from "./observed.ts";

/** In what the engine may differ from node:http2 on a connection's life, and why it is right to. */
interface ConnectionDifference {
  readonly reason: string;
  matches(ours: Observed, theirs: Observed): boolean;
}

const hasFault = (of: Observed, pattern: RegExp) => of.faults.some((fault) => pattern.test(fault));

export const CONNECTION_DIFFERENCES: readonly ConnectionDifference[] = [
  {
    reason:
      "Stricter: HEADERS on a stream that is closed, or was skipped, end the connection (RFC 9113, 5.1 and 5.1.1). node:http2 ignores them.",
    matches: (ours, theirs) => ours.end === "STREAM_CLOSED" && theirs.end === undefined,
  },
  {
    reason:
      "Stricter: PRIORITY of stream 0 or a wrong length (RFC 9113, 6.3), and a stream that depends on itself (RFC 7540, 5.3.1). node:http2 no longer reads priorities.",
    matches: (ours, theirs) =>
      theirs.end === undefined && hasFault(ours, /depends on itself|PRIORITY has|that belongs to a stream names none/),
  },
  {
    reason: "node:http2 takes no more than 32 settings in a frame; RFC 9113 has no such limit, and they cost nothing.",
    matches: (ours, theirs) => ours.end === undefined && theirs.end === "ENHANCE_YOUR_CALM",
  },
  {
    reason:
      "Sooner: a frame of the connection that names a stream (RFC 9113, 6.5, 6.7 and 6.8) is refused by its header; node:http2 waits for its payload, which may never come whole.",
    matches: (ours, theirs) =>
      theirs.end === undefined && hasFault(ours, /a frame that belongs to the connection names a stream/),
  },
  {
    reason:
      "Stricter: padding longer than its frame (RFC 9113, 6.1) is an error also on streams that have ended, whose DATA node:http2 drops unread.",
    matches: (ours, theirs) => hasFault(ours, /PROTOCOL_ERROR: the padding of a DATA/) && theirs.end === undefined,
  },
  {
    reason:
      "Stricter: a CONTINUATION frame larger than SETTINGS_MAX_FRAME_SIZE (RFC 9113, 4.2), whose length node:http2 does not look at.",
    matches: (ours, theirs) => ours.end === "FRAME_SIZE_ERROR" && theirs.end === undefined,
  },
  {
    reason:
      "More exact: what RFC 9113 has as a stream's error (5.1, 6.3, 8.1.1) ends the stream alone; there, all of it.",
    matches: (ours, theirs) =>
      ours.end === undefined &&
      ours.faults.length > 0 &&
      /^(?:STREAM_CLOSED|PROTOCOL_ERROR|FRAME_SIZE_ERROR|FLOW_CONTROL_ERROR|INTERNAL_ERROR)$/.test(theirs.end ?? ""),
  },
  {
    reason:
      "The answer to a PING that nobody has sent is ignored, and counted against the peer's allowance; node:http2 ends the session by it.",
    matches: (ours, theirs) => ours.hasStrayPing && theirs.end !== undefined,
  },
  {
    reason: "Frames are judged when they have come whole; node:http2 judges the parts of one whose rest never comes.",
    matches: (ours, theirs) => ours.end === undefined && !ours.hasReadAll && theirs.end !== undefined,
  },
];

/** In what the engine may differ from node:http2 on a stream, and why it is right to. */
interface StreamDifference {
  readonly reason: string;
  matches(ours: Observed, id: number): boolean;
}

/** The rules of fields by which a head or trailers are refused here, and not by node:http2, each as the log has it. */
const STRICT_FIELDS: readonly RegExp[] = [
  /^the name of a field is not a token$/, // RFC 9113, 8.2.1; node:http2 leaves the field out
  /^a field has no name$/, // likewise
  /^the name of \S+ is not in lower case$/, // likewise
  /^the value of .* holds a control character$/, // likewise
  /^the value of .* begins or ends in white space$/, // likewise
  /^host is unlike :authority$/, // RFC 9113, 8.3.1; node:http2 passes both on
  /^host is doubled$/, // likewise
  /^:path holds a character that no path may hold$/, // RFC 9113, 8.3.1 and RFC 3986, 3.3
  /^:path does not begin with a slash$/, // RFC 9113, 8.3.1
  /^:authority holds user information$/, // RFC 9113, 8.3.1
  /^:(?:method|scheme) is not a (?:token|scheme)$/, // RFC 9110, 9.1 and RFC 3986, 3.1
  /^content-length is doubled with differing values$/, // RFC 9110, 8.6
];

export const STREAM_DIFFERENCES: readonly StreamDifference[] = [
  {
    reason: "Stricter: a message whose fields are malformed (RFC 9113, 8.1.1) is refused, never mended.",
    matches: (ours, id) =>
      ours.resets.get(id) === "PROTOCOL_ERROR" && STRICT_FIELDS.some((pattern) => hasFault(ours, pattern)),
  },
  {
    reason:
      "Stricter: a stream that depends on itself, or PRIORITY of a wrong length (RFC 9113, 6.3); node:http2 does not read priorities.",
    matches: (ours, id) => ours.resets.has(id) && hasFault(ours, /depends on itself|^PRIORITY has/),
  },
  {
    reason:
      "Stricter: the content-length of a CONNECT counts as any other's (RFC 9113, 8.1.1); node:http2 takes what follows for a tunnel's. The port refuses CONNECT.",
    matches: (ours, id) => /^CONNECT .*content-length=/.test(ours.requests.get(id)?.head ?? ""),
  },
  {
    reason:
      "A content-length that is repeated with the same value is one (RFC 9110, 8.6); node:http2 resets the stream.",
    matches: (ours, id) =>
      /content-length=(\d+)&(?:.*&)?content-length=\1(?!\d)/.test(ours.requests.get(id)?.head ?? ""),
  },
  {
    reason:
      "A content-length among trailers says nothing (RFC 9110, 6.5.1), and is passed on unread; node:http2 resets the stream where it is no number.",
    matches: (ours, id) => /(?:^|&)content-length=/.test(ours.requests.get(id)?.trailers ?? ""),
  },
  {
    reason:
      "A host among trailers routes nothing (RFC 9110, 6.5.1), and is passed on unread; node:http2 resets the stream where there are two.",
    matches: (ours, id) => /(?:^|&)host=.*(?:^|&)host=/.test(ours.requests.get(id)?.trailers ?? ""),
  },
  {
    reason:
      "A request without an authority, or with an impossible one, is well-formed (RFC 9113, 8.3.1): it is answered 400, where node:http2 resets the stream.",
    matches: (ours, id) => !/^[\w.~!$&'()*+,;=:[\]%-]+$/.test(ours.requests.get(id)?.authority ?? ""),
  },
];

/** What differs, in words, where nothing justifies it. */
export function differenceBetween(ours: Observed, theirs: Observed): string | undefined {
  const faults = ours.faults.join(", ");
  if ((ours.end === undefined) !== (theirs.end === undefined)) {
    return CONNECTION_DIFFERENCES.some(({ matches }) => matches(ours, theirs))
      ? undefined
      : `connection: ours ${ours.end ?? "lives"}, node:http2's ${theirs.end ?? "lives"}; ${faults}`;
  }
  // Two ends of different kinds need not come at the same frame, nor two where only one side was content until then.
  const isElsewhere =
    ours.end !== theirs.end || (ours.end !== undefined && (ours.faults.length > 1 || ours.hasStrayPing));
  for (const id of new Set([...ours.requests.keys(), ...theirs.requests.keys()])) {
    const [our, their] = [ours.requests.get(id), theirs.requests.get(id)].map(shown(ours.end !== undefined));
    const isBeyond = isElsewhere && (our === undefined || their === undefined);
    if (our !== their && !isBeyond && !STREAM_DIFFERENCES.some(({ matches }) => matches(ours, id))) {
      return `stream ${id}: ours ${our}, ${ours.resets.get(id)}; node:http2's ${their}, ${theirs.resets.get(id)}; ${faults}`;
    }
  }
  return undefined;
}

/** What of a request has to be the same: what was under way when a connection ended may be told or not. */
function shown(isOver: boolean) {
  return (request: ObservedRequest | undefined) => {
    if (request === undefined) {
      return undefined;
    }
    const { head, body, trailers, isComplete } = request;
    return isOver ? head : `${head} ${body} ${trailers} ${isComplete ? "complete" : "open"}`;
  };
}
