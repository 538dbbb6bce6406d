import * as http from "node:http";
import * as https from "node:https";
import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError, Interceptor, Transport } from "@connectrpc/connect";
import { validateReadWriteMaxBytes } from "@connectrpc/connect/protocol";
import { createTransport as createConnect } from "@connectrpc/connect/protocol-connect";
import { createTransport as createGrpc } from "@connectrpc/connect/protocol-grpc";
import { createTransport as createGrpcWeb } from "@connectrpc/connect/protocol-grpc-web";
import {
  compressionBrotli,
  compressionGzip,
  createConnectTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { MAX_TIMER_MS } from "../call/clock.ts";
import { callInProgress } from "../call/current.ts";
import { TIMEOUT_HEADER } from "../call/deadline.ts";
import { channelInterceptors } from "../interceptors/index.ts";
import { checkTls } from "./channel-tls.ts";
import type { ChannelTls } from "./connect-socket.ts";
import { createHttp2Client } from "./http2-client.ts";
import { channelClosed, createHttp2Target } from "./http2-target.ts";
import { memoryTarget } from "./memory.ts";
import { onwardError } from "./onward-error.ts";

/** Departures of a channel from its defaults. */
export interface ChannelOptions {
  /** What a unary call may take, in milliseconds, where the call names no time-out of its own. Default 60,000. */
  readonly timeoutMs?: number;
  /** The protocol between the services. Default `grpc`, which needs HTTP/2. */
  readonly protocol?: "grpc" | "grpc-web" | "connect";
  /** Default `2`. */
  readonly httpVersion?: "1.1" | "2";
  /** The largest message taken, in bytes, before and after decompression. Default 4 MiB. */
  readonly readMaxBytes?: number;
  /** For a target by https: whom it is vouched for by, and what this side shows. Default: as Node has it. */
  readonly tls?: ChannelTls;
  /** Applied inside the channel's own (request id and companions, deadline, cancellation), the first outermost. */
  readonly interceptors?: readonly Interceptor[];
}

/** Connections to one target: a Transport for Connect's `createClient`, closed by whoever made it. */
export interface Channel extends Transport, AsyncDisposable {
  readonly target: string;
  stats(): ChannelStats;
}

/** What a channel is doing, and has done since it was made. */
export interface ChannelStats {
  readonly target: string;
  /**
   * The connection: `idle` where there is none, so that the next call makes one; `connecting`; `open`; `leaving` when the
   * peer has said that it goes, and calls end on it (the next call makes another); `closed` once the channel is disposed.
   * Over HTTP/1.1 `open` while a call is under way, and `idle` otherwise.
   */
  readonly state: "idle" | "connecting" | "open" | "leaving" | "closed";
  readonly callsStarted: number;
  readonly callsSucceeded: number;
  readonly callsFailed: number;
  readonly callsActive: number;
}

const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_READ_MAX_BYTES = 4 * 1024 * 1024;

/**
 * Opens a channel to `target`, a URL such as `http://localhost:50051`. It connects with the first call, and again with the
 * first call after a connection was lost; over HTTP/2 it holds one connection, and lets it go after 15 minutes without a
 * call. Inside a call of a service, request id, deadline, cancellation and the headers
 * that travel along go with every onward call by themselves. A connection that is lost in the middle of a call ends it
 * with `unavailable`.
 *
 * @throws Error where the target or an option is not possible; it says what is.
 */
export function createChannel(target: string, options: ChannelOptions = {}): Channel {
  const url = parseTarget(target);
  const { timeoutMs = DEFAULT_TIMEOUT_MS, protocol = "grpc" } = options;
  if (!(timeoutMs > 0)) {
    throw new Error(`createChannel("${target}"): timeoutMs is ${timeoutMs}; it has to be more than 0 milliseconds`);
  }
  if (protocol === "grpc" && options.httpVersion === "1.1") {
    throw new Error(
      `createChannel("${target}"): gRPC needs HTTP/2; over HTTP/1.1 use the protocol connect or grpc-web`,
    );
  }
  if (options.tls !== undefined && url.protocol !== "https:") {
    throw new Error(`createChannel("${target}"): tls is for targets that begin with https:`);
  }
  try {
    checkTls(options.tls ?? {});
  } catch (error) {
    throw new Error(`createChannel("${target}"): ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  const connection = memoryTarget(url.origin)?.(
    url.href,
    channelInterceptors(options.interceptors ?? [], TIMEOUT_HEADER.connect, timeoutMs),
  );
  return connection === undefined
    ? watched(url, connect(url, protocol, timeoutMs, options))
    : watched(url, { transport: connection, state: () => "open", close: () => undefined });
}

function parseTarget(target: string): URL {
  const url = URL.canParse(target) ? new URL(target) : undefined;
  if (url?.username || url?.password) {
    throw new Error(`createChannel: a target takes no user and password; send authorization by an interceptor`);
  }
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "") {
    throw new Error(`createChannel("${target}"): a target is a URL such as http://localhost:50051`);
  }
  return url;
}

/** A transport and what it stands on. */
interface Connection {
  readonly transport: Transport;
  state(): Exclude<ChannelStats["state"], "closed">;
  close(): void;
}

function connect(
  url: URL,
  protocol: NonNullable<ChannelOptions["protocol"]>,
  timeoutMs: number,
  options: ChannelOptions,
): Connection {
  const timeoutHeader = protocol === "connect" ? TIMEOUT_HEADER.connect : TIMEOUT_HEADER.grpc;
  const common = {
    baseUrl: url.href,
    interceptors: [...channelInterceptors(options.interceptors ?? [], timeoutHeader, timeoutMs)],
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes: options.readMaxBytes ?? DEFAULT_READ_MAX_BYTES,
  };
  if (options.httpVersion === "1.1") {
    const { Agent } = url.protocol === "https:" ? https : http;
    const agent = new Agent({ ...options.tls, keepAlive: true });
    const create = protocol === "connect" ? createConnectTransport : createGrpcWebTransport;
    let isClosed = false;
    // Innermost: an agent that is destroyed would connect anew for a call whose interceptors took their time.
    const refuseWhenClosed: Interceptor = (next) => async (request) => {
      if (isClosed) {
        throw channelClosed(url.origin);
      }
      return next(request);
    };
    const interceptors = [...common.interceptors, refuseWhenClosed];
    const transport = create({ ...common, interceptors, httpVersion: "1.1", nodeOptions: { agent } });
    return {
      transport,
      state: () => (Object.keys(agent.sockets).length > 0 ? "open" : "idle"),
      close() {
        isClosed = true;
        agent.destroy();
      },
    };
  }
  const http2 = createHttp2Target(url, { tls: options.tls });
  const transport = CREATE[protocol]({
    ...common,
    ...validateReadWriteMaxBytes(common.readMaxBytes, undefined, undefined),
    httpClient: createHttp2Client(http2),
    useBinaryFormat: true,
    sendCompression: null,
  });
  return { transport, state: http2.state, close: http2.close };
}

const CREATE = { grpc: createGrpc, "grpc-web": createGrpcWeb, connect: createConnect };

/** Counts the calls, gives their errors the channel's form, and refuses calls after the end. */
function watched(url: URL, connection: Connection): Channel {
  const counts = { started: 0, succeeded: 0, failed: 0 };
  let closed = false;
  const methodUrl = (method: DescMethod) => `${url.href.replace(/\/$/, "")}/${method.parent.typeName}/${method.name}`;

  function begin() {
    if (closed) {
      throw channelClosed(url.origin);
    }
    counts.started++;
    let settled = false;
    return (outcome: "succeeded" | "failed") => {
      if (!settled) {
        settled = true;
        counts[outcome]++;
      }
    };
  }

  return {
    target: url.href,
    async unary(method, signal, timeoutMs, header, input, contextValues) {
      const settle = begin();
      try {
        const response = await connection.transport.unary(
          method,
          signal,
          timerMs(timeoutMs),
          header,
          input,
          contextValues,
        );
        settle("succeeded");
        return response;
      } catch (thrown) {
        settle("failed");
        throw onwardError(thrown, methodUrl(method), signal);
      }
    },
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      const settle = begin();
      const fail = (thrown: unknown) => {
        settle("failed");
        return onwardError(thrown, methodUrl(method), signal);
      };
      try {
        const response = await connection.transport.stream(
          method,
          signal,
          timerMs(timeoutMs),
          header,
          input,
          contextValues,
        );
        const end = () => settle("succeeded");
        // A reader that leaves by `break` is not seen here: Connect's clients keep it to themselves. The stream ends with
        // the call that it is made for.
        callInProgress()?.signal.addEventListener("abort", end, { once: true });
        return { ...response, message: told(response.message, end, fail) };
      } catch (thrown) {
        throw fail(thrown);
      }
    },
    stats: () => ({
      target: url.href,
      state: closed ? "closed" : connection.state(),
      callsStarted: counts.started,
      callsSucceeded: counts.succeeded,
      callsFailed: counts.failed,
      callsActive: counts.started - counts.succeeded - counts.failed,
    }),
    async [Symbol.asyncDispose]() {
      closed = true;
      connection.close();
    },
  };
}

/** A time-out that Node's timers hold: Connect's own would end a longer one at once. */
function timerMs(timeoutMs: number | undefined): number | undefined {
  return timeoutMs === undefined ? undefined : Math.min(timeoutMs, MAX_TIMER_MS);
}

/** The messages of a stream, whose end and failure are told. */
async function* told<T>(
  messages: AsyncIterable<T>,
  onEnd: () => void,
  onError: (thrown: unknown) => ConnectError,
): AsyncIterable<T> {
  try {
    yield* messages;
    onEnd();
  } catch (thrown) {
    throw onError(thrown);
  }
}
