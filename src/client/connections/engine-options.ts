import { type ConnectionOptions as EngineOptions, WindowBudget } from "../../http2/index.ts";
import type { ConnectionOptions } from "./connection-options.ts";

/** The header list of a response; what is longer ends its stream. */
const HEADER_LIST_BYTES = 64 * 1024;
/** What requests may have waiting for the peer's windows before they are told to wait. */
const OUTPUT_BYTES = 4 * 1024 * 1024;
/** What the peer may send on all streams before any of it is read. */
const CONNECTION_WINDOW_BYTES = 4 * 1024 * 1024;
const MAX_STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
/** What the windows of all connections may grow by. */
const windowBudget = new WindowBudget(64 * 1024 * 1024);
const PING_TIMEOUT_MS = 10_000;

/** What the engine keeps to as a client. */
export function engineOptions(options: ConnectionOptions): EngineOptions {
  return {
    role: "client",
    now: options.clock.now(),
    random: Math.random,
    maxConcurrentStreams: 0,
    headerListBytes: HEADER_LIST_BYTES,
    outputBytes: OUTPUT_BYTES,
    connectionWindowBytes: CONNECTION_WINDOW_BYTES,
    maxStreamWindowBytes: MAX_STREAM_WINDOW_BYTES,
    windowBudget,
    settingsTimeoutMs: options.connectTimeoutMs,
    keepaliveMs: options.keepaliveMs,
    keepaliveIdle: false,
    pingTimeoutMs: PING_TIMEOUT_MS,
    idleMs: Number.POSITIVE_INFINITY, // the connection sees to it: nothing ticks while no stream is open
    maxAgeMs: Number.POSITIVE_INFINITY,
  };
}
