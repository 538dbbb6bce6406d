import type { Code } from "@connectrpc/connect";

/** A call's place on a connection. */
export interface Placement {
  /** Which connection it is: the same object for the same one. */
  readonly connection: object;
  /** The backend, as in `127.0.0.1:50051`. */
  readonly backend: string;
  /** The answer has come whole: its place is free, though what came of the call may not be known yet. */
  leave(): void;
  /** The call is over, with this code, or well where there is none: its place is free, and its backend judged by it. */
  whenDone(code: Code | undefined): void;
}
