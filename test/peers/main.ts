import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import Koa from "koa";
import { defineService, implement, run } from "portico";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.js";
import { GreeterService } from "../../gen/greeter/v1/greeter_pb.js";
import { NameService } from "../../gen/name/v1/name_pb.js";

// The service that other people's clients call. Names say what a call is to do, so that a client needs no messages of its
// own: every request is field 1, a string.

const CHUNK = Buffer.alloc(64 * 1024, "x");

await run(
  defineService({
    name: "peers",
    limits: { headerListBytes: 32 * 1024 }, // nghttp --continuation sends more than the default
    routes: () => [
      implement(NameService, {
        async processName({ name }, { requestHeader, responseHeader, responseTrailer, signal }) {
          responseHeader.set("x-answer-header", requestHeader.get("x-of-the-caller") ?? "nothing");
          responseTrailer.set("x-answer-trailer-bin", "AAEC/w");
          if (name === "fail") {
            throw new ConnectError("naïve: 100%", Code.NotFound, { "x-error": "a" }, [
              { desc: BadRequestSchema, value: { fieldViolations: [{ field: "name", description: "is to fail" }] } },
            ]);
          }
          if (name === "hang") {
            await new Promise((resolve) => signal.addEventListener("abort", resolve));
          }
          return { name: name.toUpperCase() };
        },
        async *processNames(requests) {
          for await (const { name } of requests) yield { name: name.toUpperCase() };
        },
      }),
      implement(GreeterService, {
        sayHello: ({ name }) => ({ greeting: name }),
        async *sayHelloToEach({ names }) {
          for (const name of names) yield { greeting: name };
        },
      }),
    ],
    http: () => {
      const app = new Koa();
      app.use(async (context) => {
        if (context.path === "/download") {
          context.type = "application/octet-stream";
          context.body = Readable.from(parts(Number(context.query["bytes"])));
          return;
        }
        const hash = createHash("sha256");
        let bytes = 0;
        for await (const chunk of context.req) {
          hash.update(chunk);
          bytes += chunk.length;
        }
        context.body = { method: context.method, url: context.url, bytes, sha256: hash.digest("hex") };
      });
      return app;
    },
  }),
);

function* parts(bytes: number): Iterable<Buffer> {
  for (let left = bytes; left > 0; left -= CHUNK.length) yield CHUNK.subarray(0, Math.min(left, CHUNK.length));
}
