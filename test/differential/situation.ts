import { codeToString } from "@connectrpc/connect/protocol-connect";
import { parseTimeoutMs } from "../../src/call/deadline.ts";
import { GIVES_FRAMING_FIELDS } from "./handlers.ts";
import { DOES_HEADER } from "./interceptors.ts";
import type { Difference, Outcome } from "./outcome.ts";
import type { Fields, RawRequest } from "./raw-client.ts";

/** Where two answers to one request may differ, and why ours is right to. */
export interface Justification {
  readonly reason: string;
  matches(difference: Difference, situation: Situation): boolean;
}

/** A request and what it led to: ours is the port's, or of its two ways the lean one's. */
export interface Situation {
  readonly request: RawRequest;
  readonly ours: Outcome;
  readonly theirs: Outcome;
}

export const named = (fields: Fields, name: string) => fields.find(([other]) => other === name)?.[1];
export const fieldOf = ({ fields }: RawRequest, name: string) =>
  fields
    .filter(([other]) => other === name)
    .map(([, value]) => value)
    .join(", ");
export const has = ({ fields }: RawRequest, name: string) => fields.some(([other]) => other === name);
export const typeOf = (request: RawRequest) => fieldOf(request, "content-type");
export const isGrpc = (request: RawRequest) => /^application\/grpc/i.test(typeOf(request));
export const isConnectUnary = (request: RawRequest) =>
  !/^application\/(?:grpc|connect\+)/i.test(typeOf(request)) && /\/(?:Look|Act)$/.test(pathOf(request));
export const pathOf = ({ target }: RawRequest) => target.split("?")[0] ?? "";
/** The header of the request's protocol. */
export const timeoutNameOf = (request: RawRequest) => (isGrpc(request) ? "grpc-timeout" : "connect-timeout-ms");

/** A timeout that the request asks for in the right form, in milliseconds. */
export function askedTimeoutMs(request: RawRequest): number | undefined {
  const name = timeoutNameOf(request);
  return has(request, name) ? parseTimeoutMs(name, fieldOf(request, name)) : undefined;
}

/** The end of a stream with an internal error as one without, in gRPC-Web and in Connect. */
export function asSuccess(body: string): string {
  return withoutLengths(body)
    .replace("grpc-message: internal%20error\r\ngrpc-status: 13", "grpc-status: 0")
    .replace(/"error":\{"code":"internal","message":"internal error"\},?/, "");
}

/** The flags and contents of a body's envelopes. */
function envelopesIn(body: string): readonly string[] {
  const bytes = Buffer.from(body, "latin1");
  const envelopes: string[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    envelopes.push(body[at] + body.slice(at + 5, end));
    at = end;
  }
  return envelopes;
}

/** A body of envelopes without what differs when one has another length. */
export function withoutLengths(body: string): string {
  return envelopesIn(body).join("");
}

/** All that an answer may hold an error's message in. */
export function messageOf({ trailers, body }: Outcome["answer"]): string {
  return decodeURIComponent(named(trailers, "grpc-message") ?? "") || body.toString().replaceAll("%20", " ");
}

/** The fields of HTTP's framing that a handler set. */
export function framingFieldsIn({ seen }: Outcome): readonly unknown[] {
  return seen.flatMap((facts) => (facts["where"] === GIVES_FRAMING_FIELDS ? [facts["names"]].flat() : []));
}

/** The flags of an envelope that ends a stream, compressed or not. */
const END_FLAGS = "\x02\x03\x80\x81";

/** Whether two bodies of envelopes differ at most in what the last holds: trailers over gRPC-Web, metadata over Connect. */
export function isEndOnly(ours: string, theirs: string): boolean {
  const [our, their] = [envelopesIn(ours), envelopesIn(theirs)];
  return our.slice(0, -1).join() === their.slice(0, -1).join() && END_FLAGS.includes(our.at(-1)?.[0] ?? "none");
}

/** The code of an answer that is an error, by Connect's name. */
export function codeOf({ answer }: Outcome): string | undefined {
  const body = answer.body.toString();
  const status =
    named(answer.trailers, "grpc-status") ??
    /grpc-status: ?(\d+)/.exec(body)?.[1] ??
    named(answer.fields, "grpc-status");
  return status === undefined ? /"code":"(\w+)"/.exec(body)?.[1] : codeToString(Number(status));
}

/** The deadline of a request that gives less than a millisecond. */
export const hasNoTime = (request: RawRequest) => (askedTimeoutMs(request) ?? 1) < 1;

/** Whether an interceptor takes part that may answer with a head and trailers of its own. */
export const hasOwnHead = (request: RawRequest) =>
  /(?:^|,)(?:empty-response-header|replace-response-header|answer-instead-of-error|answer-itself)(?:,|$)/.test(
    fieldOf(request, DOES_HEADER),
  );

/** Whether two status messages say the same, however far they are encoded. */
export function sameMessage(ours: string, theirs: string): boolean {
  return decodeURIComponent(ours) === decodeURIComponent(theirs);
}
