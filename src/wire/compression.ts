import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";

// Compression for Connect's handlers that a bomb cannot harm: inflating stops at the limit, and only a few messages are
// inflated at a time, as each may have come to the limit.

/** Messages that are inflated at once, and answers that are compressed at once: each of the two has threads of its own left. */
const AT_ONCE = 2;
/** Messages whose compressed and inflated forms are no larger are inflated at once, without a thread and a turn in the queue. */
const SMALL_BYTES = 32 * 1024;
/** A header of ten bytes, an empty block, a checksum and a size (RFC 1952, 2.2). */
const LEAST_GZIP_BYTES = 20;
/** Output is collected in buffers of this size. */
const CHUNK_BYTES = 64 * 1024;
/** Quality 11, zlib's default for brotli, takes seconds for a megabyte; 4 is about as small as gzip, and faster. */
const BROTLI_QUALITY = 4;
/** The logarithm of the window: a larger one costs megabytes for every answer under way. */
const BROTLI_WINDOW_BITS = 18;

const inflating = turns(AT_ONCE);
const deflating = turns(AT_ONCE);

type Options = zlib.ZlibOptions & zlib.BrotliOptions;

/** One of zlib's formats: how it is written, and how it is read at once and in a thread. */
interface Format {
  readonly name: string;
  compress(bytes: Uint8Array): Promise<Buffer>;
  inflateSync(bytes: Uint8Array, options: Options): Buffer;
  inflate(bytes: Uint8Array, options: Options): Promise<Buffer>;
  /** Inflates what may be cut short. */
  inflateBeginning(): zlib.Gunzip | zlib.BrotliDecompress;
  /** What a message says that it inflates to, at least. */
  claimedBytes(bytes: Uint8Array): number;
}

const deflateGzip = promisify<Uint8Array, Buffer>(zlib.gzip);
const deflateBrotli = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);

const GZIP: Format = {
  name: "gzip",
  compress: deflateGzip,
  inflateSync: zlib.gunzipSync,
  inflate: promisify<Uint8Array, Options, Buffer>(zlib.gunzip),
  inflateBeginning: () => zlib.createGunzip({ finishFlush: zlib.constants.Z_SYNC_FLUSH, chunkSize: CHUNK_BYTES }),
  claimedBytes: claimedByGzip,
};

const BROTLI: Format = {
  name: "br",
  compress: (bytes) =>
    deflateBrotli(bytes, {
      params: {
        [zlib.constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
        [zlib.constants.BROTLI_PARAM_LGWIN]: BROTLI_WINDOW_BITS,
        [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
  inflateSync: zlib.brotliDecompressSync,
  inflate: promisify<Uint8Array, Options, Buffer>(zlib.brotliDecompress),
  inflateBeginning: () =>
    zlib.createBrotliDecompress({ finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH, chunkSize: CHUNK_BYTES }),
  claimedBytes: () => Number.POSITIVE_INFINITY, // it does not say; callers hardly send it, and may well be counted
};

const FORMATS = [GZIP, BROTLI];

/** gzip for Connect's `acceptCompression`. */
export const gzip = compression(GZIP);

/** Brotli for Connect's `acceptCompression`. */
export const brotli = compression(BROTLI);

/** What messages may be compressed with, the most wanted first. */
export const COMPRESSIONS: BoundedCompression[] = [gzip, brotli]; // Connect's type: it is not changed

/** What is named so; undefined for all that is not accepted. */
export function compressionOf(encoding: string | undefined): BoundedCompression | undefined {
  return encoding === undefined ? undefined : COMPRESSIONS.find(({ name }) => name === encoding);
}

/** As Connect has it: the smallest message that is compressed, in bytes. */
export const DEFAULT_COMPRESS_MIN_BYTES = 1024;

/**
 * Inflates what an envelope says is compressed, to `maxBytes` at most.
 *
 * @throws ConnectError internal where nobody has said how, with Connect's words; what the compression throws
 */
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

/**
 * Refuses a message by its beginning where that inflates to more than is taken already: a bomb need not come whole.
 *
 * @param encoding the format's name; one that is not known is left for others to refuse
 * @throws ConnectError resource_exhausted
 */
export async function refuseBomb(encoding: string, beginning: Uint8Array, readMaxBytes: number): Promise<void> {
  const format = FORMATS.find(({ name }) => name === encoding);
  if (format === undefined) {
    return;
  }
  if (await isBomb(format, beginning, readMaxBytes)) {
    throw tooLarge(readMaxBytes);
  }
}

function isBomb(format: Format, beginning: Uint8Array, readMaxBytes: number): Promise<boolean> {
  return inflating(() => inflatesBeyond(format.inflateBeginning(), beginning, readMaxBytes));
}

/** Counts what `beginning` inflates to, and keeps nothing of it. */
async function inflatesBeyond(
  inflate: zlib.Gunzip | zlib.BrotliDecompress,
  beginning: Uint8Array,
  maxBytes: number,
): Promise<boolean> {
  let bytes = 0;
  inflate.end(beginning);
  try {
    for await (const chunk of inflate) {
      const { length, buffer } = chunk as Buffer<ArrayBuffer>; // of a stream without an encoding
      bytes += length;
      if (length === buffer.byteLength) {
        buffer.transfer(0); // zlib is done with a buffer that is full; V8 would keep 64 MiB of such before it collects them
      }
      if (bytes > maxBytes) {
        return true;
      }
    }
  } catch {
    // what else is wrong shows when the message is whole
  }
  return false;
}

/** A member of gzip ends with the size of what it holds, modulo 2^32 (RFC 1952, 2.3.1); the last is no more than all. */
function claimedByGzip(bytes: Uint8Array): number {
  const { length } = bytes;
  return length < LEAST_GZIP_BYTES ? 0 : new DataView(bytes.buffer, bytes.byteOffset + length - 4).getUint32(0, true);
}

/** A compression that inflates in turn, and no more than is taken. */
export interface BoundedCompression extends Compression {
  /** @param isWanted asked once its turn has come: what nobody waits for any more is not inflated */
  decompress(
    ...parameters: [...Parameters<Compression["decompress"]>, isWanted?: () => boolean]
  ): ReturnType<Compression["decompress"]>;
}

function compression(format: Format): BoundedCompression {
  return {
    name: format.name,
    compress: (bytes) => deflating(async () => whole(await format.compress(bytes))),
    async decompress(bytes, readMaxBytes, isWanted = () => true) {
      if (bytes.length === 0) {
        return new Uint8Array(0);
      }
      const small = bytes.length <= SMALL_BYTES ? inflateSmall(format, bytes, readMaxBytes) : undefined;
      if (small !== undefined) {
        return small;
      }
      // A message that is cut short claims anything: it is counted, which keeps nothing of it.
      if (format.claimedBytes(bytes) > readMaxBytes && (await isBomb(format, bytes, readMaxBytes))) {
        throw tooLarge(readMaxBytes);
      }
      return inflating(() => {
        if (!isWanted()) {
          throw new ConnectError("nobody waits for the message any more", Code.Canceled);
        }
        return inflateLarge(format, bytes, readMaxBytes);
      });
    },
  };
}

/** Undefined where the message is not small when it is inflated. */
function inflateSmall(format: Format, bytes: Uint8Array, readMaxBytes: number): Uint8Array<ArrayBuffer> | undefined {
  const maxOutputLength = Math.min(SMALL_BYTES, readMaxBytes);
  try {
    return whole(format.inflateSync(bytes, { maxOutputLength }));
  } catch (error) {
    if (maxOutputLength < readMaxBytes && codeOf(error) === "ERR_BUFFER_TOO_LARGE") {
      return undefined;
    }
    throw asConnectError(error, readMaxBytes);
  }
}

async function inflateLarge(format: Format, bytes: Uint8Array, readMaxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return whole(await format.inflate(bytes, { maxOutputLength: readMaxBytes, chunkSize: CHUNK_BYTES }));
  } catch (error) {
    throw asConnectError(error, readMaxBytes);
  }
}

/** zlib's buffers are never shared memory; their type does not say so. */
function whole(bytes: Buffer): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}

/** The codes and messages of connect-node's own compressions. */
function asConnectError(error: unknown, readMaxBytes: number): ConnectError {
  const code = codeOf(error);
  if (code === "ERR_BUFFER_TOO_LARGE") {
    return tooLarge(readMaxBytes, error);
  }
  const isMalformed = code === "Z_DATA_ERROR" || code === "ERR_PADDING_2" || code.startsWith("ERR__ERROR_FORMAT_");
  return new ConnectError(
    "decompression failed",
    isMalformed ? Code.InvalidArgument : Code.Internal,
    undefined,
    undefined,
    error,
  );
}

function tooLarge(readMaxBytes: number, cause?: unknown): ConnectError {
  const message = `message is larger than configured readMaxBytes ${readMaxBytes} after decompression`;
  return new ConnectError(message, Code.ResourceExhausted, undefined, undefined, cause);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Runs a few jobs at a time; the others wait for their turn. */
function turns(atOnce: number): <T>(job: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (job) => {
    if (running === atOnce) {
      await new Promise<void>((resolve) => waiting.push(resolve)); // whoever ends hands its place over
    } else {
      running++;
    }
    try {
      return await job();
    } finally {
      const next = waiting.shift();
      if (next === undefined) {
        running--;
      } else {
        next();
      }
    }
  };
}
