import { type DescMessage, type DescMethod, type Message, ScalarType } from "@bufbuild/protobuf";
import { createMethodSerializationLookup } from "@connectrpc/connect/protocol";
import { flatJsonReader, flatJsonWriter } from "./flat-json.ts";
import { type FlatReader, flatReader } from "./flat-reader.ts";
import { type FlatWriter, flatWriter } from "./flat-writer.ts";

/** What Connect's transports and handlers take for messages; see there. */
export type CodecOptions = Pick<
  Parameters<typeof createMethodSerializationLookup>[3],
  "readMaxBytes" | "writeMaxBytes"
> & {
  readonly binaryOptions?: Parameters<typeof createMethodSerializationLookup>[1];
  readonly jsonOptions?: Parameters<typeof createMethodSerializationLookup>[2];
};

/** Writes messages of one type, and reads them; with Connect's errors and limits. */
export interface Codec {
  /**
   * @param headroom bytes that are left free in front of the message, for whoever frames it; 8 at most, 0 by default
   */
  serialize(message: Message, headroom?: number): Uint8Array;
  /** @param bytes may be a part of what was read from a socket: the message keeps nothing of it */
  parse(bytes: Uint8Array): Message;
}

/** The codecs of a method's requests and answers, in protobuf's binary format or in its JSON. */
export function methodCodecs(
  method: DescMethod,
  format: "binary" | "json",
  { binaryOptions, jsonOptions, readMaxBytes, writeMaxBytes }: CodecOptions,
): { readonly input: Codec; readonly output: Codec } {
  const limits = { readMaxBytes, writeMaxBytes, compressMinBytes: 0 };
  const lookup = createMethodSerializationLookup(method, binaryOptions, jsonOptions, limits);
  if (format === "json") {
    const json = (codec: Codec, type: DescMessage) =>
      withFlat(codec, flatJsonReader(type), flatJsonWriter(type, jsonOptions), limits);
    return { input: json(lookup.getI(false), method.input), output: json(lookup.getO(false), method.output) };
  }
  const binary = (codec: Codec, type: DescMessage) =>
    withFlat(withoutAliases(codec, type), flatReader(type), flatWriter(type), limits);
  return { input: binary(lookup.getI(true), method.input), output: binary(lookup.getO(true), method.output) };
}

/** A codec that has messages of its type read and written straight from and to bytes, where that can be done. */
function withFlat(
  { parse, serialize }: Codec,
  readFlat: FlatReader | undefined,
  writeFlat: FlatWriter | undefined,
  { readMaxBytes, writeMaxBytes }: Pick<CodecOptions, "readMaxBytes" | "writeMaxBytes">,
): Codec {
  return {
    parse: (bytes) => (bytes.length <= readMaxBytes ? readFlat?.(bytes) : undefined) ?? parse(bytes),
    serialize(message, headroom = 0) {
      const flat = writeFlat?.(message, headroom);
      if (flat !== undefined && flat.length - headroom <= writeMaxBytes) {
        return flat;
      }
      const bytes = serialize(message);
      return headroom === 0 ? bytes : behind(headroom, bytes);
    },
  };
}

function behind(headroom: number, bytes: Uint8Array): Uint8Array {
  const all = Buffer.allocUnsafe(headroom + bytes.length);
  all.set(bytes, headroom);
  return all;
}

/**
 * Protobuf's reader gives `bytes` fields, and fields that it does not know, as parts of what it reads. So what is read is
 * copied first where the type may hold either within; of any other type, only a message that has unknown fields is read
 * again, from a copy.
 */
function withoutAliases(codec: Codec, type: DescMessage): Codec {
  const { serialize, parse } = codec;
  const parseCopy = (bytes: Uint8Array) => parse(new Uint8Array(bytes));
  if (mayHoldParts(type)) {
    return { serialize, parse: parseCopy };
  }
  return {
    serialize,
    parse(bytes) {
      const message = parse(bytes);
      return message.$unknown === undefined ? message : parseCopy(bytes);
    },
  };
}

/** Whether a message of this type may hold parts of what it was read from, besides its own unknown fields. */
function mayHoldParts(type: DescMessage): boolean {
  return type.fields.some(({ scalar, message }) => scalar === ScalarType.BYTES || message !== undefined);
}
