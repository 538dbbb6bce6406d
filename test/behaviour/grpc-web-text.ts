import type { Transport } from "@connectrpc/connect";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { createTransport } from "@connectrpc/connect/protocol-grpc-web";

// A gRPC-Web client in the text form (grpc-web, PROTOCOL-WEB): Connect's client of the binary form, over a client of HTTP
// that writes and reads base64. It is no friend of the server: its texts are padded in the middle and cut anywhere.

const TEXT = "application/grpc-web-text";

export function grpcWebTextTransport(baseUrl: string, httpClient: UniversalClientFn): Transport {
  return createTransport({
    baseUrl,
    httpClient: asText(httpClient),
    useBinaryFormat: true,
    interceptors: [],
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: 1024,
    readMaxBytes: 0xffffffff,
    writeMaxBytes: 0xffffffff,
  });
}

function asText(httpClient: UniversalClientFn): UniversalClientFn {
  return async ({ header, body, ...request }) => {
    const textHeader = new Headers(header);
    textHeader.set("content-type", `${TEXT}+proto`);
    textHeader.set("accept", TEXT);
    const response = await httpClient({
      ...request,
      header: textHeader,
      ...(body === undefined ? {} : { body: encode(body) }),
    });
    const contentType = response.header.get("content-type");
    if (contentType?.startsWith(TEXT) !== true) {
      throw new Error(`the answer is no ${TEXT} but ${contentType}`);
    }
    const binaryHeader = new Headers(response.header);
    binaryHeader.set("content-type", contentType.replace(TEXT, "application/grpc-web"));
    return { ...response, header: binaryHeader, body: decode(response.body) };
  };
}

async function* encode(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk);
    const text = bytes.subarray(0, 1).toString("base64") + bytes.subarray(1).toString("base64");
    yield Buffer.from(text.slice(0, 3), "latin1");
    yield Buffer.from(text.slice(3), "latin1");
  }
}

async function* decode(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let text = "";
  for await (const chunk of chunks) {
    text += Buffer.from(chunk).toString("latin1");
    const whole = text.slice(0, text.length - (text.length % 4));
    text = text.slice(whole.length);
    for (const part of whole.split(/(?<==)(?!=)/)) {
      if (!/^[A-Za-z0-9+/]*={0,2}$/.test(part) || part.length % 4 !== 0) {
        throw new Error(`no base64: ${part}`);
      }
      yield Buffer.from(part, "base64");
    }
  }
  if (text !== "") {
    throw new Error(`no whole base64: ${text}`);
  }
}
