import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { ConnectError } from "@connectrpc/connect";
import type { ActiveCall } from "../call/call.ts";
import { callInProgress, runInCall } from "../call/current.ts";
import { type DeadlineLimits, parseTimeoutMs, TIMEOUT_HEADER } from "../call/deadline.ts";
import { answerFor, isLostPeer } from "../call/errors.ts";
import { logSurprise } from "../interceptors/index.ts";
import { breakOff } from "../server/node-messages.ts";
import type { ServedExchange } from "../server/served-exchange.ts";
import type { Handler } from "../wire/exchange.ts";
import {
  PROBLEM_CONTENT_TYPE,
  type Problem,
  problemFromError,
  problemFromStatus,
  respondProblem,
} from "../wire/problem.ts";

/** Answers a request, by writing to the response; at once or later. */
export type HttpListener = (request: IncomingMessage, response: ServerResponse) => unknown;

/** What is used of a Koa application; any version from 2 on has it. */
export interface KoaApplication {
  readonly middleware: unknown[];
  callback(): HttpListener;
  on(event: "error", listener: (error: unknown) => void): unknown;
}

/**
 * A web application: Koa's, or any Node listener, such as an Express application or Fastify's `routing`. It is reached over
 * HTTP/1.1 and HTTP/2 alike. Express's own body parsers leave a body over HTTP/2 alone that has no `content-length`.
 */
export type HttpApplication = KoaApplication | HttpListener;

/**
 * Hosts a web application: it gets every exchange that no other handler took. An error that it throws is answered as a
 * problem (RFC 9457), by the rules of call/errors.ts; so is its deadline, which only a caller sets, by
 * `connect-timeout-ms`.
 */
export function applicationHandler(application: HttpApplication, { maxMs }: DeadlineLimits): Handler<ServedExchange> {
  const isKoa = "callback" in application;
  const listener = isKoa ? koaListener(application) : application;
  return (exchange) => {
    const { call } = exchange;
    const asked = exchange.field(TIMEOUT_HEADER.connect);
    const askedMs = asked === undefined ? undefined : parseTimeoutMs(TIMEOUT_HEADER.connect, asked);
    if (asked !== undefined && askedMs === undefined) {
      const detail = `${TIMEOUT_HEADER.connect} is not one to ten digits`;
      return respondProblem(exchange, problemFromStatus(400, detail, call.requestId));
    }
    call.keepSecrets(); // an application may take them out of its request
    return runInCall(call, () => host(exchange, askedMs));
  };

  async function host(exchange: ServedExchange, askedMs: number | undefined): Promise<void> {
    const { call } = exchange;
    const { request, response } = exchange.nodeMessages(!isKoa); // Express changes prototypes
    const closed = new Promise<void>((resolve) => response.once("close", resolve));
    call.signal.addEventListener("abort", () => {
      if (call.interruption !== undefined) {
        writeProblem(response, problemFromError(call.interruption, call.requestId));
      }
    });
    if (askedMs !== undefined) {
      call.startDeadline(Math.min(askedMs, maxMs));
    }
    try {
      await listener(request, response);
    } catch (thrown) {
      writeProblem(response, problemOf(thrown, call, requestName(request)));
    }
    return closed;
  }
}

function koaListener(application: KoaApplication): HttpListener {
  if (!application.middleware.includes(answerProblems)) {
    application.middleware.unshift(answerProblems); // an application that is started again has it already
  }
  // Koa itself finds errors only in bodies that are streams; without a listener it would write them to standard error.
  application.on("error", (error) => {
    const call = callInProgress();
    if (call?.interruption === undefined || !isLostPeer(error)) {
      call?.log.error({ err: error }, "the answer's body failed");
    }
  });
  return application.callback();
}

/** What is used of a Koa context. */
interface KoaContext {
  status: number;
  body: unknown;
  respond?: boolean;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** Koa middleware, outermost: errors, and paths that nobody answers, become problems. */
async function answerProblems(context: KoaContext, next: () => Promise<void>): Promise<void> {
  const call = callInProgress();
  if (call === undefined) {
    return next();
  }
  try {
    await next();
    if (context.status === 404 && context.body === undefined && context.respond !== false && !context.res.headersSent) {
      const problem = problemFromStatus(404, "nothing is served at this path", call.requestId);
      context.respond = false;
      writeProblem(context.res, problem);
    }
  } catch (thrown) {
    context.respond = false;
    writeProblem(context.res, problemOf(thrown, call, requestName(context.req)));
  }
}

/** An error's problem; one of the package http-errors, as Koa's `ctx.throw` makes, says whether it may be shown. */
function problemOf(thrown: unknown, call: ActiveCall, name: string): Problem {
  if (thrown instanceof Error && !(thrown instanceof ConnectError) && call.interruption === undefined) {
    const { status, statusCode, expose } = thrown as { status?: unknown; statusCode?: unknown; expose?: unknown };
    const code = Number(status ?? statusCode);
    if (typeof expose === "boolean" && Number.isInteger(code) && code >= 400 && code < 500) {
      return problemFromStatus(code, expose ? thrown.message : (STATUS_CODES[code] ?? ""), call.requestId);
    }
  }
  const answer = answerFor(thrown, call.interruption);
  logSurprise(call, name, answer, thrown);
  return problemFromError(answer.error, call.requestId);
}

function requestName(request: IncomingMessage): string {
  return `${request.method} ${request.url?.split("?", 1)[0]}`;
}

/** Writes a problem as the answer; where an answer has begun already, all that is left is to break it off. */
function writeProblem(response: ServerResponse, problem: Problem): void {
  if (response.headersSent) {
    if (!response.writableFinished) {
      breakOff(response);
    }
    silence(response);
    return;
  }
  const body = Buffer.from(JSON.stringify(problem));
  for (const name of ["etag", "last-modified", "cache-control", "content-encoding", "content-range"]) {
    response.removeHeader(name);
  }
  response.statusCode = problem.status;
  response.setHeader("content-type", PROBLEM_CONTENT_TYPE);
  response.setHeader("content-length", body.byteLength);
  response.end(body);
  silence(response);
}

/** What an application might still call on an answer that is over; node:http would throw, and nobody might catch. */
const SILENCED = {
  setHeader: (response) => response,
  setHeaders: (response) => response,
  appendHeader: (response) => response,
  removeHeader: () => undefined,
  writeHead: (response) => response,
  flushHeaders: () => undefined,
  writeContinue: () => undefined,
  writeProcessing: () => undefined,
  writeEarlyHints: () => undefined,
  addTrailers: () => undefined,
  write: () => true,
  end: (response) => response,
} satisfies Readonly<Record<string, (response: ServerResponse) => unknown>>;

/** Lets what a listener still does with its response come to nothing. */
function silence(response: ServerResponse): void {
  for (const [name, act] of Object.entries(SILENCED)) {
    Object.defineProperty(response, name, { value: () => act(response), configurable: true, writable: true });
  }
}
