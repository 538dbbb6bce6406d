import type { Compression } from "@connectrpc/connect/protocol";
import { brotli, gzip } from "../wire/compression.ts";

/** What answers may be compressed with, the most wanted first. */
export const acceptedCompressions: Compression[] = [gzip, brotli]; // Connect's type: it is not changed
