import { create, toBinary } from "@bufbuild/protobuf";
import { ProcessNameRequestSchema } from "../../gen/name/v1/name_pb.js";

/** What the loads send, and what has to come back, byte for byte. */

export const PROCESS_NAME = "/name.v1.NameService/ProcessName";
export const PROCESS_NAMES = "/name.v1.NameService/ProcessNames";
export const REPEAT = "/bench.v1.RepeatService/Repeat";

/** A message behind gRPC's five bytes: not compressed, and the length. */
export function envelope(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** A message that has nothing but a name as its first field, as all of name.v1 are. */
export function named(name: string): Buffer {
  return envelope(toBinary(ProcessNameRequestSchema, create(ProcessNameRequestSchema, { name })));
}

/** A RepeatRequest: the name, and how often. */
export function repeated(name: string, count: number): Buffer {
  const varint = [];
  for (let rest = count; ; rest >>= 7) {
    if (rest < 128) {
      varint.push(rest);
      break;
    }
    varint.push((rest & 0x7f) | 0x80);
  }
  const countField = 0x10; // field 2, a varint
  return envelope(Buffer.concat([named(name).subarray(5), Buffer.of(countField, ...varint)]));
}
