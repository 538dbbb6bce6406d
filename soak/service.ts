import { Readable } from "node:stream";
import Koa from "koa";
import { defineService, implement } from "portico";
import { NameService } from "../gen/name/v1/name_pb.js";

const CHUNK = Buffer.alloc(16 * 1024, "a");

/** What is soaked: RPCs, and a web application whose bodies stream in and out. */
export const soaked = defineService({
  name: "soak",
  routes: () => [
    implement(NameService, {
      async processName({ name }) {
        await new Promise((resolve) => setTimeout(resolve, name.length));
        return { name: name.toUpperCase() };
      },
      async *processNames(requests) {
        for await (const { name } of requests) {
          yield { name: name.toUpperCase() };
        }
      },
    }),
  ],
  http: () =>
    new Koa().use(async (context) => {
      if (context.method === "POST") {
        let bytes = 0;
        for await (const chunk of context.req) {
          bytes += (chunk as Buffer).length; // of a stream without an encoding
        }
        context.body = { bytes };
      } else {
        context.type = "text/plain";
        context.body = Readable.from(chunks(Number(context.query["chunks"])));
      }
    }),
});

async function* chunks(count: number): AsyncIterable<Buffer> {
  for (let index = 0; index < count; index++) {
    yield CHUNK;
    await new Promise(setImmediate);
  }
}
