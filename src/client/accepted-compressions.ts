import type { Compression } from "@connectrpc/connect/protocol";
import { brotli, gzip } from "../wire/compression.ts";

/** What answers may be compressed with, the most wanted first. */
export const acceptedCompressions: Compression[] = [gzip, brotli]; // Connect's type: it is not changed

/** What is named so; undefined for all that is not accepted. */
export function compressionOf(encoding: string | undefined): Compression | undefined {
  return encoding === undefined ? undefined : acceptedCompressions.find(({ name }) => name === encoding);
}
