import Koa from "koa";
import { defineService, implement, type PortLimits } from "portico";
import { NameService } from "../../gen/name/v1/name_pb.js";

/** NameService as it is meant, without a log line. */
export const upperCaseNames = implement(NameService, {
  processName: ({ name }) => ({ name: name.toUpperCase() }),
  async *processNames(requests) {
    for await (const { name } of requests) yield { name: name.toUpperCase() };
  },
});

/** A service whose answers tell what it was asked: RPCs in upper case, and every other path by its own words. */
export function echoService(limits: Partial<PortLimits> = {}) {
  return defineService({
    name: "echo",
    limits,
    routes: () => [upperCaseNames],
    http: () => {
      const app = new Koa();
      app.use(async (context) => {
        const chunks: Buffer[] = [];
        for await (const chunk of context.req) chunks.push(chunk);
        context.body = { method: context.method, url: context.url, body: Buffer.concat(chunks).toString("latin1") };
      });
      return app;
    },
  });
}

/** A Connect call of ProcessName over HTTP/1.1, as bytes. */
export function processNameRequest(name: string, headers: readonly string[] = ["host: a"]): string {
  const body = JSON.stringify({ name });
  const fields = [...headers, "content-type: application/json", `content-length: ${body.length}`];
  return `POST /name.v1.NameService/ProcessName HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n${body}`;
}
