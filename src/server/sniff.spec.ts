import fc from "fast-check";
import { expect, test } from "vitest";
import { type Sniffed, sniff } from "./sniff.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const LIMIT = 16 * 1024;

const tokens = fc.stringMatching(/^[A-Za-z!#$%&'*+.^_`|~0-9-]{1,12}$/);
const targets = fc.stringMatching(/^[!-~]{1,40}$/);
const requestLines = fc
  .tuple(
    fc.constantFrom("", "\r\n", "\n", "\r\n\r\n"),
    tokens,
    targets,
    fc.constantFrom("0", "1", "9"),
    fc.constantFrom("\r\n", "\n"),
  )
  .map(([empty, method, target, minor, end]) => `${empty}${method} ${target} HTTP/1.${minor}${end}`);

/** Bytes that nobody means, and bytes that nearly are one of the two protocols. */
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
  fc
    .array(fc.constantFrom("PRI", " * ", "HTTP/", "2.0", "1.1", "\r", "\n", "GET ", "/", "SM", "\0", "x"), {
      maxLength: 16,
    })
    .map((parts) => Buffer.from(parts.join(""), "latin1")),
);

/** The verdicts on every beginning of the bytes, from one byte on. */
function verdicts(bytes: Buffer): readonly Sniffed[] {
  return Array.from({ length: bytes.length }, (_, at) => sniff(bytes.subarray(0, at + 1)));
}

test("the preface is HTTP/2 at its last byte and undecided at every byte before", () => {
  const bytes = Buffer.from(PREFACE, "latin1");
  expect(verdicts(bytes)).toEqual([...Array.from({ length: 23 }, () => "more"), "http2"]);
});

test("a request line is HTTP/1 at its last byte, however it was split, and whatever follows", () => {
  fc.assert(
    fc.property(requestLines, anyBytes, (line, rest) => {
      const head = Buffer.from(line, "latin1");
      expect(new Set(verdicts(head).slice(0, -1))).toEqual(new Set(["more"]));
      expect(sniff(head)).toBe("http1");
      expect(sniff(Buffer.concat([head, rest]))).toBe("http1");
    }),
  );
});

test("a verdict, once it is there, stays whatever comes: `more` grows into one verdict only", () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const decided = verdicts(bytes).filter((verdict) => verdict !== "more");
      expect(new Set(decided).size).toBeLessThanOrEqual(1);
    }),
    { numRuns: 500 },
  );
});

test("nothing but the whole preface is HTTP/2", () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      fc.pre(!bytes.toString("latin1").startsWith(PREFACE));
      expect(sniff(bytes)).not.toBe("http2");
    }),
    { numRuns: 500 },
  );
  for (let at = 0; at < PREFACE.length; at++) {
    const broken = Buffer.from(PREFACE, "latin1");
    broken[at] = (broken[at] ?? 0) ^ 0x20;
    expect(sniff(broken)).not.toBe("http2");
  }
});

test.each([
  ["HTTP/2 without its preface's end", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"],
  ["HTTP/0.9", "GET /\r\n"],
  ["HTTP/2 in a request line", "GET / HTTP/2.0\r\n"],
  ["a version of two digits", "GET / HTTP/1.10\r\n"],
  ["text after the version", "GET / HTTP/1.1 x\r\n"],
  ["a control character", "\x16\x04\x01\x02\x00\x01\x00\n"],
  ["SSH", "SSH-2.0-OpenSSH_9\r\n"],
])("%s is neither", (_name, text) => {
  expect(sniff(Buffer.from(text, "latin1"))).toBe("neither");
});

test("a first line without an end is waited for up to 16 KiB, and then judged by its beginning", () => {
  const long = (begin: string, length: number) => Buffer.from(begin.padEnd(length, "x"), "latin1");
  expect(sniff(long("GET /", LIMIT))).toBe("more");
  expect(sniff(long("GET /", LIMIT + 1))).toBe("http1");
  expect(sniff(long("\x17\x03\x01", LIMIT + 1))).toBe("neither");
});

test("a TLS handshake is one by its second byte", () => {
  const bytes = Buffer.from("\x16\x03\x01\x02\x00\x01\x00\n", "latin1");
  expect(verdicts(bytes)).toEqual(["more", ...Array.from({ length: 7 }, () => "tls")]);
});

test("the verdict on a first line over 16 KiB does not hang on whether its end has come", () => {
  for (const begin of ["GET /", "\x17\x03\x01"]) {
    const line = Buffer.from(`${begin.padEnd(LIMIT + 10, "x")}\r\n`, "latin1");
    expect(sniff(line)).toBe(sniff(line.subarray(0, LIMIT + 1)));
  }
});
