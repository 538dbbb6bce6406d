import type { Interceptor, Transport } from "@connectrpc/connect";
import { TIMEOUT_HEADER } from "../call/deadline.ts";
import { channelInterceptors } from "../interceptors/index.ts";
import { brotli, DEFAULT_COMPRESS_MIN_BYTES, gzip } from "../wire/compression.ts";
import { MAX_MESSAGE_BYTES } from "../wire/envelope.ts";
import type { CallCounts } from "./calls/call-life.ts";
import { createCallTransport } from "./calls/call-transport.ts";
import type { CallTransportOptions } from "./calls/transport-options.ts";
import { channelClosed } from "./connections/channel-closed.ts";
import { checkTls } from "./connections/channel-tls.ts";
import type { ChannelTls } from "./connections/connect-socket.ts";
import { createHttp1Target } from "./connections/http1-target.ts";
import { createHttp2Target } from "./connections/http2-target.ts";
import { counted, memoryTarget } from "./memory.ts";

/** Departures of a channel from its defaults. */
export interface ChannelOptions {
  /**
   * What a unary call may take, in milliseconds, where the call names no time-out of its own. Default 60,000. With
   * `Number.POSITIVE_INFINITY` nothing bounds such a call, and the target is told of no time-out, except inside a call of a
   * service, whose own deadline still counts.
   */
  readonly timeoutMs?: number;
  /** The protocol between the services. Default `grpc`, which needs HTTP/2. */
  readonly protocol?: "grpc" | "grpc-web" | "connect";
  /** Default `2`. */
  readonly httpVersion?: "1.1" | "2";
  /** How messages are written: protobuf's binary format, or its JSON. Default `binary`. */
  readonly format?: "binary" | "json";
  /** The largest message taken, in bytes, before and after decompression. Default 4 MiB, at most 4 GiB. */
  readonly readMaxBytes?: number;
  /** What messages are compressed with on their way out. Default: nothing. Answers may come in either, or in neither. */
  readonly sendCompression?: "gzip" | "br";
  /** Messages shorter than this are sent as they are, in bytes. Default 1024. */
  readonly compressMinBytes?: number;
  /**
   * Unary calls of methods without side effects (`idempotency_level = NO_SIDE_EFFECTS`) are GET requests, which caches may
   * answer; the message stands in the URL, whose length servers limit (ours: 16 KiB with the header). Connect only. Default false.
   */
  readonly useHttpGet?: boolean;
  /** For messages in JSON, as Connect's transports take them; `registry` holds the types that an Any may hold. Default none. */
  readonly jsonOptions?: NonNullable<CallTransportOptions["jsonOptions"]>;
  /** For messages in binary, as Connect's transports take them. Default none. */
  readonly binaryOptions?: NonNullable<CallTransportOptions["binaryOptions"]>;
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
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  try {
    checkOptions(url, { ...options, timeoutMs });
  } catch (error) {
    throw new Error(`createChannel("${target}"): ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  const counts: CallCounts = { started: 0, succeeded: 0, failed: 0 };
  const inMemory = memoryTarget(url.origin)?.(
    url.href,
    channelInterceptors(options.interceptors ?? [], TIMEOUT_HEADER.connect, timeoutMs),
  );
  if (inMemory !== undefined) {
    return channel(
      url,
      counts,
      counted(url.href, counts, inMemory),
      () => "open",
      () => undefined,
    );
  }
  const http2 = options.httpVersion === "1.1" ? undefined : createHttp2Target(url, { tls: options.tls });
  const http = http2 ?? createHttp1Target(url, options.tls);
  const transport = createCallTransport({
    url,
    target: http,
    protocol: options.protocol ?? "grpc",
    format: options.format ?? "binary",
    timeoutMs,
    readMaxBytes: options.readMaxBytes ?? DEFAULT_READ_MAX_BYTES,
    sendCompression: options.sendCompression && { gzip, br: brotli }[options.sendCompression],
    compressMinBytes: options.compressMinBytes ?? DEFAULT_COMPRESS_MIN_BYTES,
    useHttpGet: options.useHttpGet === true,
    jsonOptions: options.jsonOptions,
    binaryOptions: options.binaryOptions,
    interceptors: options.interceptors ?? [],
    counts,
  });
  const state = http2?.state ?? (() => (activeCalls(counts) > 0 ? "open" : "idle"));
  return channel(url, counts, transport, state, http.close);
}

/** @throws Error that says what is wrong */
function checkOptions(url: URL, options: ChannelOptions & { readonly timeoutMs: number }): void {
  const { timeoutMs, protocol = "grpc", readMaxBytes = DEFAULT_READ_MAX_BYTES, compressMinBytes = 0 } = options;
  if (!(timeoutMs > 0)) {
    throw new Error(`timeoutMs is ${timeoutMs}; it has to be more than 0 milliseconds`);
  }
  if (protocol === "grpc" && options.httpVersion === "1.1") {
    throw new Error("gRPC needs HTTP/2; over HTTP/1.1 use the protocol connect or grpc-web");
  }
  if (!(readMaxBytes >= 1 && readMaxBytes <= MAX_MESSAGE_BYTES)) {
    throw new Error(`readMaxBytes is ${readMaxBytes}; it has to be from 1 to ${MAX_MESSAGE_BYTES}`);
  }
  if (!(compressMinBytes >= 0)) {
    throw new Error(`compressMinBytes is ${compressMinBytes}; it has to be 0 or more`);
  }
  if (options.useHttpGet === true && protocol !== "connect") {
    throw new Error("useHttpGet is for the protocol connect");
  }
  if (options.tls !== undefined && url.protocol !== "https:") {
    throw new Error("tls is for targets that begin with https:");
  }
  checkTls(options.tls ?? {});
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

/** A transport with the rest of a channel around it: it refuses calls once it is closed. */
function channel(
  url: URL,
  counts: CallCounts,
  transport: Transport,
  state: () => Exclude<ChannelStats["state"], "closed">,
  close: () => void,
): Channel {
  let isClosed = false;
  return {
    target: url.href,
    unary: (...call) => (isClosed ? Promise.reject(channelClosed(url.origin)) : transport.unary(...call)),
    stream: (...call) => (isClosed ? Promise.reject(channelClosed(url.origin)) : transport.stream(...call)),
    stats: () => ({
      target: url.href,
      state: isClosed ? "closed" : state(),
      callsStarted: counts.started,
      callsSucceeded: counts.succeeded,
      callsFailed: counts.failed,
      callsActive: activeCalls(counts),
    }),
    async [Symbol.asyncDispose]() {
      isClosed = true;
      close();
    },
  };
}

function activeCalls({ started, succeeded, failed }: CallCounts): number {
  return started - succeeded - failed;
}
