import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";

/** Inflates a message, to `maxBytes` at most. */
export async function inflate(
  compression: Compression | undefined,
  bytes: Uint8Array,
  maxBytes: number,
): Promise<Uint8Array> {
  if (compression === undefined) {
    throw new ConnectError("received compressed envelope, but do not know how to decompress", Code.Internal);
  }
  return compression.decompress(bytes as Uint8Array<ArrayBuffer>, maxBytes); // what sockets read is never shared memory
}
