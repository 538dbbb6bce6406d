import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";

// gRPC-Web's text form: the binary form in base64, for readers that only take text (grpc-web's PROTOCOL-WEB, "Message
// framing"). A body is one or more base64 texts, each with its own padding, split anywhere on the way.

const TEXT_CONTENT_TYPE = /^application\/grpc-web-text(?=$|[+;])/i;

export function isGrpcWebText(contentType: string | null): boolean {
  return contentType !== null && TEXT_CONTENT_TYPE.test(contentType);
}

/** A request whose body is bytes that come one after the other. */
export type StreamedRequest = UniversalServerRequest & { readonly body: AsyncIterable<Uint8Array> };

/** Answers a request in the text form by a handler of the binary form. */
export async function throughBinary(
  request: StreamedRequest,
  handle: (request: StreamedRequest) => Promise<UniversalServerResponse>,
): Promise<UniversalServerResponse> {
  const header = new Headers(request.header);
  header.set("content-type", (header.get("content-type") ?? "").replace(TEXT_CONTENT_TYPE, "application/grpc-web"));
  const response = await handle({ ...request, header, body: decodeBase64(request.body) });
  const responseHeader = new Headers(response.header);
  const answered = responseHeader.get("content-type");
  if (answered !== null) {
    responseHeader.set("content-type", answered.replace("application/grpc-web", "application/grpc-web-text"));
  }
  return {
    ...response,
    header: responseHeader,
    ...(response.body === undefined ? {} : { body: encodeBase64(response.body) }),
  };
}

async function* encodeBase64(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    yield Buffer.from(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("base64"), "latin1");
  }
}

async function* decodeBase64(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let rest = "";
  for await (const chunk of chunks) {
    const text = rest + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1");
    const whole = text.length - (text.length % 4);
    rest = text.slice(whole);
    if (whole > 0) {
      yield decodeGroups(text.slice(0, whole));
    }
  }
  if (rest !== "") {
    throw malformed();
  }
}

/** One base64 text; a pattern that repeats groups of four would overflow the stack on a chunk of megabytes. */
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

function decodeGroups(text: string): Uint8Array {
  // Padding in the middle ends one text and begins the next; Buffer would stop there.
  const parts = text.split(/(?<==)(?=[^=])/);
  if (parts.some((part) => part.length % 4 !== 0 || !BASE64.test(part))) {
    throw malformed();
  }
  return Buffer.concat(parts.map((part) => Buffer.from(part, "base64")));
}

function malformed(): ConnectError {
  return new ConnectError("the grpc-web-text body is not base64", Code.InvalidArgument);
}
