import { createServer } from "node:http";
import { CONTENT_TYPE } from "./answers.ts";
import { announce } from "./arguments.ts";

// node:http alone, which sends bodies back: what all on it have in common over HTTP/1.1.

const server = createServer((request, response) => {
  let body: Buffer | undefined;
  request.on("data", (chunk: Buffer) => {
    body = body === undefined ? chunk : Buffer.concat([body, chunk]);
  });
  request.on("end", () => {
    response.writeHead(200, { "content-type": CONTENT_TYPE, "content-length": body?.length ?? 0 });
    response.end(body);
  });
});
server.listen(0, "127.0.0.1", () => announce(server.address()));
