import fc from "fast-check";

/** Where bytes are cut on the way, as shares of what is left. */
export const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

export function cutAt(whole: Buffer, shares: readonly number[]): readonly Buffer[] {
  const places = [...new Set(shares.map((share) => Math.floor(share * whole.length)))].sort((a, b) => a - b);
  return [0, ...places].map((from, index) => Buffer.from(whole.subarray(from, places[index] ?? whole.length)));
}
