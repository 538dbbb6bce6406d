import { getTextEncoding } from "@bufbuild/protobuf/wire";

/** Strings of more bytes are quicker to decode natively. */
const MAX_SHORT_BYTES = 32;

/**
 * The string that bytes[from, to) are in UTF-8; most are short, and ASCII.
 *
 * @throws TypeError where it is none, and `isStrict`
 */
export function textOf(bytes: Uint8Array, from: number, to: number, isStrict: boolean): string {
  if (to - from <= MAX_SHORT_BYTES) {
    const codes = new Array<number>(to - from);
    let all = 0;
    for (let at = from; at < to; at++) {
      const code = bytes[at] as number; // within the bytes
      all |= code;
      codes[at - from] = code;
    }
    if (all < 0x80) {
      return String.fromCharCode.apply(undefined, codes);
    }
  }
  return getTextEncoding().decodeUtf8(bytes.subarray(from, to), isStrict);
}
