import type { ContextValues, Interceptor } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import type { Clock } from "../../call/clock.ts";
import type { CodecOptions } from "../../wire/codec.ts";
import type { RpcProtocol } from "../../wire/protocol.ts";
import type { AttemptPolicies } from "../attempts/attempt-rules.ts";
import type { HttpTarget } from "../connections/http-request.ts";
import type { CallCounts } from "./call-life.ts";

/** What calls are made by. Every option is checked already. */
export interface CallTransportOptions {
  /** Where the services are, with a path in front of theirs if there is one. */
  readonly url: URL;
  readonly target: HttpTarget;
  /** What calls go by that are not part of a call in progress, which has its own. */
  readonly clock: Clock;
  readonly protocol: RpcProtocol;
  readonly format: "binary" | "json";
  /** What a unary call may take that names no time-out; in milliseconds, infinite: anything. */
  readonly timeoutMs: number;
  /** The largest message taken, in bytes, before and after decompression. */
  readonly readMaxBytes: number;
  /** What messages from {@link compressMinBytes} on are compressed with. */
  readonly sendCompression: Compression | undefined;
  readonly compressMinBytes: number;
  /** Unary calls of methods without side effects are GET requests (Connect). */
  readonly useHttpGet: boolean;
  readonly jsonOptions: CodecOptions["jsonOptions"];
  readonly binaryOptions: CodecOptions["binaryOptions"];
  /** The channel's own, the first outermost. */
  readonly interceptors: readonly Interceptor[];
  /** Kept up to date. */
  readonly counts: CallCounts;
  /** How people know the target, as in `dns:///name:50051`. */
  readonly targetName: string;
  readonly policies: AttemptPolicies;
}

/** What a call is asked for with; see Connect's Transport. */
export interface CallRequest {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  readonly header: HeadersInit | undefined;
  readonly contextValues: ContextValues | undefined;
}
