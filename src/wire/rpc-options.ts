import type { JsonReadOptions, JsonWriteOptions } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import type { DeadlineLimits } from "../call/deadline.ts";
import type { CallRules } from "./call-rules.ts";
import type { Implementation } from "./implement.ts";

/** How RPCs are answered. */
export interface RpcOptions {
  readonly implementations: readonly Implementation[];
  /** Applied to every call, the first outermost. */
  readonly interceptors: readonly Interceptor[];
  /** What a service does with every call, outside of the interceptors; without, calls are answered as Connect answers them. */
  readonly rules?: CallRules | undefined;
  readonly deadlines: DeadlineLimits;
  /** The largest message taken, in bytes, before and after decompression. */
  readonly readMaxBytes: number;
  /** The smallest message that is compressed for who accepts it, in bytes. Default 1024, as Connect has it. */
  readonly compressMinBytes?: number | undefined;
  /** For messages in JSON; the registry is that of the implementations' files unless it is given. */
  readonly jsonOptions?: Partial<JsonReadOptions & JsonWriteOptions> | undefined;
  /** What answers calls: the lean path where it can, or Connect's universal handlers always. Default `lean`. */
  readonly path?: "lean" | "universal" | undefined;
}
