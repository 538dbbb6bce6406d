import type { X509Certificate } from "node:crypto";

/** The extension's id, as DER has it (RFC 5280, 4.2.1.3), and the word that it is critical. */
const KEY_USAGE = Buffer.from("0603551d0f", "hex");
const CRITICAL = Buffer.from("0101ff", "hex");
const OCTET_STRING = 0x04;
const BIT_STRING = 0x03;
/** keyCertSign and cRLSign, in the first byte of the bits. */
const SIGNS_FOR_OTHERS = 0x04 | 0x02;

/**
 * Whether the key of a certificate may sign certificates or revocation lists, by its key usage, which node:crypto does not
 * tell. Other parts of a certificate that look the same count as well: this is asked to refuse.
 */
export function maySign({ raw }: X509Certificate): boolean {
  for (let at = raw.indexOf(KEY_USAGE); at !== -1; at = raw.indexOf(KEY_USAGE, at + 1)) {
    const behind = raw.subarray(at + KEY_USAGE.length);
    const value = behind.subarray(0, CRITICAL.length).equals(CRITICAL) ? behind.subarray(CRITICAL.length) : behind;
    // Tag and length of the one, tag and length of the other in it, how many bits are unused, and the bits.
    const [outer, , inner, , , bits = 0] = value;
    if (outer === OCTET_STRING && inner === BIT_STRING && (bits & SIGNS_FOR_OTHERS) !== 0) {
      return true;
    }
  }
  return false;
}
