import { readFileSync } from "node:fs";
import Koa from "koa";
import { authorize } from "portico";
import { GreeterService } from "../../../gen/greeter/v1/greeter_pb.js";
import type { Greeter } from "./greeter.ts";

export interface WebOptions {
  /** Whether `GET /` is the page that tries the service out. */
  readonly page: boolean;
}

/** greeter over plain HTTP: `GET /api/v1/say-hello?name=test` answers the greeting as a JSON string. */
export function web(greeter: Greeter, { page }: WebOptions): Koa {
  const app = new Koa();
  app.use(async (context, next) => {
    if (context.path !== "/api/v1/say-hello") {
      return next();
    }
    if (context.method !== "GET" && context.method !== "HEAD") {
      context.set("allow", "GET, HEAD");
      return context.throw(405, "say-hello takes GET");
    }
    authorize(GreeterService.method.sayHello); // the same, by another way
    const name = [context.query["name"] ?? ""].flat()[0] ?? "";
    context.type = "json";
    context.body = JSON.stringify(await greeter.sayHello(name));
  });
  if (page) {
    app.use(servePage());
  }
  return app;
}

const PAGE_FILES = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript; charset=utf-8"],
  "/page.css": ["page.css", "text/css; charset=utf-8"],
} as const;

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

function servePage(): Koa.Middleware {
  const files = new Map(
    Object.entries(PAGE_FILES).map(([path, [file, type]]) => [
      path,
      { type, body: readFileSync(new URL(`./page/${file}`, import.meta.url)) },
    ]),
  );
  return (context, next) => {
    const file = context.method === "GET" || context.method === "HEAD" ? files.get(context.path) : undefined;
    if (file === undefined) {
      return next();
    }
    context.set("content-security-policy", CONTENT_SECURITY_POLICY);
    context.set("x-content-type-options", "nosniff");
    context.set("referrer-policy", "no-referrer");
    context.set("cache-control", "no-store");
    context.type = file.type;
    context.body = file.body;
    return undefined;
  };
}
