import { createSecureServer, createServer, type ServerHttp2Stream } from "node:http2";
import { CONTENT_TYPE, MEBIBYTE, RECEIVED, TRAILER } from "./answers.ts";
import { announce, tlsOptions } from "./arguments.ts";

// node:http2 by its core API, which is its leanest: no compatibility classes, and no more listeners than needed.

const HEAD = { ":status": 200, "content-type": CONTENT_TYPE };
const TRAILERS = { [TRAILER[0]]: TRAILER[1] };

function echo(stream: ServerHttp2Stream): void {
  let body: Buffer | undefined;
  stream.on("data", (chunk: Buffer) => {
    body = body === undefined ? chunk : Buffer.concat([body, chunk]);
  });
  stream.on("end", () => {
    if (stream.destroyed) return; // the client went away, and an answer would throw
    stream.respond(HEAD, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(TRAILERS));
    stream.end(body);
  });
}

function upload(stream: ServerHttp2Stream): void {
  stream.resume();
  stream.on("end", () => {
    if (stream.destroyed) return;
    stream.respond(HEAD);
    stream.end(RECEIVED);
  });
}

function download(stream: ServerHttp2Stream): void {
  stream.respond(HEAD);
  stream.end(MEBIBYTE);
}

const server = tlsOptions === undefined ? createServer() : createSecureServer(tlsOptions);
server.on("stream", (stream: ServerHttp2Stream, headers) => {
  stream.on("error", () => undefined); // a client that goes away
  const path = headers[":path"];
  if (path === "/upload") {
    upload(stream);
  } else if (path === "/download") {
    download(stream);
  } else {
    echo(stream);
  }
});
server.listen(0, "127.0.0.1", () => announce(server.address()));
