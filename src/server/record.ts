import type { ActiveCall } from "../call/call.ts";

/** What the port tells of a request once it is over, answered or not. */
export interface RequestRecord {
  /** Undefined for a request that could not be read as one. */
  readonly call: ActiveCall | undefined;
  readonly requestId: string;
  readonly remoteAddress: string;
  /** Empty for a request that could not be read as one. */
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly httpVersion: string;
  /** The status of the answer; 499 where the caller went away before there was one. */
  readonly status: number;
  /** Bytes of the answer's body. */
  readonly responseBytes: number;
  readonly durationMs: number;
  /** The caller went away before it had the whole answer. */
  readonly aborted: boolean;
}
