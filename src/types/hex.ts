// Uint8Array has both of these itself, but not yet in every version of Node and browser that this is for.

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Two small hexadecimal digits for each byte. */
export function hexOf(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) {
    hex += DIGITS[byte];
  }
  return hex;
}

/** @param hex hexadecimal digits, an even number of them */
export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) => Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16));
}
