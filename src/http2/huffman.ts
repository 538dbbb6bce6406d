import { HpackError } from "./hpack-error.ts";
import { EOS, HUFFMAN_CODES, HUFFMAN_LENGTHS } from "./huffman-code.ts";

// String literals in Huffman code (RFC 7541, 5.2).

/**
 * The code as a trie whose steps are bytes: node n is the 256 entries from n * 256. An entry is `symbol << 4 | bits` where a
 * code ends within the byte, `-node` where it goes on, 0 where there is only EOS. The root is node 0, which no entry leads to.
 */
const TRIE: Int16Array = buildTrie();

/** Most codes have five to seven bits. */
const PAIR_BITS = 12;
const ONLY_ONE = 1 << 20;
/**
 * The symbols that twelve bits begin with: `bits << 16 | second << 8 | first` for two, `ONLY_ONE | bits << 16 | first` for
 * one, 0 where the first one's code is longer.
 */
const PAIRS: Int32Array = buildPairs();

/** Where decoded bytes are put before they become a string; replaced by a larger one when needed. */
let scratch = Buffer.allocUnsafeSlow(4096);
/** What is larger serves one string only. */
const MAX_KEPT_SCRATCH_BYTES = 64 * 1024;
const SHORTEST_CODE_BITS = 5;

/**
 * Decodes bytes[from, to) to a latin1 string.
 * @throws HpackError where the padding is longer than 7 bits or not the begin of EOS, or where EOS occurs (RFC 7541, 5.2)
 */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number): string {
  const target = scratchOf(Math.ceil(((to - from) * 8) / SHORTEST_CODE_BITS) + 1);
  let length = 0;
  let at = from;
  // Of the accumulated bits, the low `bits` ones are not used yet.
  let accumulated = 0;
  let bits = 0;
  for (;;) {
    for (; bits < 16 && at < to; bits += 8) {
      accumulated = (accumulated << 8) | (bytes[at++] as number); // within the bytes
    }
    const pair = bits < PAIR_BITS ? 0 : (PAIRS[(accumulated >>> (bits - PAIR_BITS)) & 0xfff] as number); // within the table
    if (pair === 0) {
      break;
    }
    target[length] = pair & 0xff;
    target[length + 1] = (pair >>> 8) & 0xff; // written over where it is none
    length += pair < ONLY_ONE ? 2 : 1;
    bits -= (pair >>> 16) & 0xf;
  }
  // What is left begins with a long code, or is short.
  let node = 0;
  for (;;) {
    while (bits >= 8) {
      const entry = TRIE[(node << 8) | ((accumulated >>> (bits - 8)) & 0xff)] ?? 0;
      if (entry > 0) {
        target[length++] = entry >>> 4;
        bits -= entry & 0xf;
        node = 0;
      } else if (entry < 0) {
        node = -entry;
        bits -= 8;
      } else {
        throw new HpackError("a Huffman-coded string contains EOS");
      }
    }
    if (at === to) {
      break;
    }
    accumulated = (accumulated << 8) | (bytes[at++] ?? 0);
    bits += 8;
  }
  // The last codes end within the bits that are left: filled up with ones, as the padding is.
  while (bits > 0) {
    const fill = 8 - bits;
    const entry = TRIE[(node << 8) | (((accumulated << fill) | ((1 << fill) - 1)) & 0xff)] ?? 0;
    if (entry <= 0 || (entry & 0xf) > bits) {
      break;
    }
    target[length++] = entry >>> 4;
    bits -= entry & 0xf;
    node = 0;
  }
  const ones = (1 << bits) - 1;
  if (node !== 0 || (accumulated & ones) !== ones) {
    throw new HpackError("a Huffman-coded string is not padded with at most 7 ones");
  }
  return target.toString("latin1", 0, length);
}

/** The bytes that a string takes in Huffman code; Infinity where a character is none of latin1, as it has no code. */
export function huffmanBytes(text: string): number {
  let bits = 0;
  let seen = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    seen |= code;
    bits += HUFFMAN_LENGTHS[code & 0xff] ?? 0;
  }
  return seen > 0xff ? Number.POSITIVE_INFINITY : (bits + 7) >>> 3;
}

/** Writes a latin1 string in Huffman code to `out`, which has room for its `huffmanBytes`; returns the position after it. */
export function encodeHuffman(out: Uint8Array, at: number, text: string): number {
  let end = at;
  // At most 7 bits wait in `accumulated`, and a byte's code has at most 30: more than an int32 holds, so that a long code goes in two parts.
  let accumulated = 0;
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff;
    const code = HUFFMAN_CODES[symbol] ?? 0;
    let length = HUFFMAN_LENGTHS[symbol] ?? 0;
    if (length > 16) {
      length -= 16;
      accumulated = (accumulated << length) | (code >>> 16);
      bits += length;
      while (bits >= 8) {
        bits -= 8;
        out[end++] = accumulated >>> bits;
      }
      accumulated = (accumulated << 16) | (code & 0xffff);
      bits += 16;
    } else {
      accumulated = (accumulated << length) | code;
      bits += length;
    }
    while (bits >= 8) {
      bits -= 8;
      out[end++] = accumulated >>> bits;
    }
  }
  if (bits > 0) {
    const fill = 8 - bits;
    out[end++] = (accumulated << fill) | ((1 << fill) - 1);
  }
  return end;
}

function scratchOf(bytes: number): Buffer {
  if (bytes <= scratch.length) {
    return scratch;
  }
  const larger = Buffer.allocUnsafeSlow(bytes);
  if (bytes <= MAX_KEPT_SCRATCH_BYTES) {
    scratch = larger;
  }
  return larger;
}

function buildPairs(): Int32Array {
  const pairs = new Int32Array(1 << PAIR_BITS);
  const codes = Array.from(HUFFMAN_LENGTHS, (length, symbol) => ({ symbol, length, code: HUFFMAN_CODES[symbol] ?? 0 }));
  /** Fills in what begins with `code`, of `length` bits. */
  const fill = (code: number, length: number, entry: number) => {
    const first = code << (PAIR_BITS - length);
    pairs.fill(entry | (length << 16), first, first + (1 << (PAIR_BITS - length)));
  };
  for (const one of codes.filter(({ length }) => length <= PAIR_BITS)) {
    fill(one.code, one.length, ONLY_ONE | one.symbol);
    for (const two of codes.filter(({ length }) => one.length + length <= PAIR_BITS)) {
      fill((one.code << two.length) | two.code, one.length + two.length, (two.symbol << 8) | one.symbol);
    }
  }
  return pairs;
}

function buildTrie(): Int16Array {
  const nodes = [new Int16Array(256)];
  for (let symbol = 0; symbol < EOS; symbol++) {
    const code = HUFFMAN_CODES[symbol] ?? 0;
    let bits = HUFFMAN_LENGTHS[symbol] ?? 0;
    let entries = nodes[0];
    while (entries !== undefined && bits > 8) {
      bits -= 8;
      const step = (code >>> bits) & 0xff;
      const next = entries[step] ?? 0;
      if (next === 0) {
        entries[step] = -nodes.length;
        entries = new Int16Array(256);
        nodes.push(entries);
      } else {
        entries = nodes[-next];
      }
    }
    const unused = 8 - bits;
    const first = (code << unused) & 0xff;
    entries?.fill((symbol << 4) | bits, first, first + (1 << unused));
  }
  const trie = new Int16Array(nodes.length * 256);
  for (const [node, entries] of nodes.entries()) {
    trie.set(entries, node * 256);
  }
  return trie;
}
