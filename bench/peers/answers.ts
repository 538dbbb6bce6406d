/** What every contender answers, so that the rows compare engines and nothing else. */

/** The body of an answer to `/download`, which an upload's has as well. */
export const MEBIBYTE = Buffer.alloc(1024 * 1024, "portico ");

/** The body of an answer to `/upload`. */
export const RECEIVED = Buffer.from("received\n");

export const CONTENT_TYPE = "application/octet-stream";

/** The trailers of `/echo`, as gRPC ends an answer. */
export const TRAILER = ["grpc-status", "0"] as const;

/** How many streams the server takes on a connection that has clients wait. */
export const STREAMS = 10;
/** The name that it answers after so long. */
export const SLOW = "slow";
export const DELAY_MS = 100;
/** The name that it answers once it is told to. */
export const HELD = "held";
