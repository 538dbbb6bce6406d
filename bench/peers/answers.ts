/** What every contender answers, so that the rows compare engines and nothing else. */

/** The body of an answer to `/download`, which an upload's has as well. */
export const MEBIBYTE = Buffer.alloc(1024 * 1024, "portico ");

/** The body of an answer to `/upload`. */
export const RECEIVED = Buffer.from("received\n");

export const CONTENT_TYPE = "application/octet-stream";

/** The trailers of `/echo`, as gRPC ends an answer. */
export const TRAILER = ["grpc-status", "0"] as const;
