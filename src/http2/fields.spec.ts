// Over 300 lines, because it is tables: each row is one rule of a header list, kept or broken.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkTrailers, fieldValue, readRequestHead, readResponseHead } from "./fields.ts";
import { HeaderField } from "./header-field.ts";
import { Malformed } from "./malformed.ts";

type Line = readonly [name: string, value: string];

function listOf(lines: readonly Line[]): readonly HeaderField[] {
  return lines.map(([name, value]) => new HeaderField(name, value));
}

const METHOD: Line = [":method", "POST"];
const SCHEME: Line = [":scheme", "https"];
const PATH: Line = [":path", "/a.B/C?d=e"];
const AUTHORITY: Line = [":authority", "example.com:8443"];
const GET: readonly Line[] = [METHOD, SCHEME, PATH, AUTHORITY];
const CONNECT: readonly Line[] = [[":method", "CONNECT"], AUTHORITY];
const OK: readonly Line[] = [[":status", "200"]];

/** A request like GET with one pseudo-header said otherwise. */
function saying(name: string, value: string): readonly Line[] {
  return GET.map((line) => (line[0] === name ? [name, value] : line));
}

type Row = readonly [title: string, ...lines: readonly Line[]];

function titled(rows: readonly Row[]): [title: string, lines: readonly Line[]][] {
  return rows.map(([title, ...lines]) => [title, lines]);
}

const REGULAR_ACCEPTED: readonly Row[] = [
  ["no fields at all"],
  ["every character of a token in a name", ["!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz", "a"]],
  ["an empty value", ["x-a", ""]],
  ["every visible character, spaces and tabs within a value", ["x-a", "!\"# \t$%&'()*+,-./:;<=>?@[\\]^_`{|}~ Az09"]],
  ["bytes above 0x7f in a value", ["x-a", "\x80\xa0\xff"]],
  ["a value of one character", ["x-a", "b"]],
  ["one name several times", ["x-a", "b"], ["x-a", "c"]],
  ["te: trailers", ["te", "trailers"]],
  ["te: Trailers", ["te", "Trailers"]],
  ["names that begin as a connection-specific one", ["connection-id", "1"], ["upgrade-insecure-requests", "1"]],
];

const REGULAR_REFUSED: readonly Row[] = [
  ["an empty name", ["", "a"]],
  ["upper case in a name", ["X-a", "b"]],
  ["upper case at a name's end", ["x-A", "b"]],
  ["a space in a name", ["x a", "b"]],
  ["a space at a name's end", ["x-a ", "b"]],
  ["a colon in a name", ["x:a", "b"]],
  ["a colon at a name's end", ["x-a:", "b"]],
  ["a tab in a name", ["x\ta", "b"]],
  ["NUL in a name", ["x\x00a", "b"]],
  ["CR in a name", ["x\ra", "b"]],
  ["LF in a name", ["x\na", "b"]],
  ["another control character in a name", ["x\x1fa", "b"]],
  ["DEL in a name", ["x\x7fa", "b"]],
  ["a byte above 0x7f in a name", ["x\x80a", "b"]],
  ["the byte 0xff in a name", ["x\xffa", "b"]],
  ...Array.from('"(),/;<=>?@[\\]{}', (mark): [string, Line] => [`the delimiter ${mark} in a name`, [`x${mark}a`, "b"]]),
  ["NUL in a value", ["x-a", "b\x00c"]],
  ["CR in a value", ["x-a", "b\rc"]],
  ["LF in a value", ["x-a", "b\nc"]],
  ["LF at a value's end", ["x-a", "b\n"]],
  ["another control character in a value", ["x-a", "b\x01c"]],
  ["DEL in a value", ["x-a", "b\x7fc"]],
  ["a space before a value", ["x-a", " b"]],
  ["a space after a value", ["x-a", "b "]],
  ["a tab before a value", ["x-a", "\tb"]],
  ["a tab after a value", ["x-a", "b\t"]],
  ["a value of nothing but a space", ["x-a", " "]],
  ["a fault in a later field", ["x-a", "b"], ["x-b", "c"], ["x-c", "d\n"]],
  ["connection", ["connection", "close"]],
  ["connection without a value", ["connection", ""]],
  ["proxy-connection", ["proxy-connection", "keep-alive"]],
  ["keep-alive", ["keep-alive", "timeout=5"]],
  ["transfer-encoding", ["transfer-encoding", "chunked"]],
  ["upgrade", ["upgrade", "websocket"]],
  ["te: gzip", ["te", "gzip"]],
  ["te: trailers with others", ["te", "trailers, gzip"]],
  ["te: trailers with a weight", ["te", "trailers;q=1"]],
  ["te without a value", ["te", ""]],
  ["te: trailers, and te: gzip", ["te", "trailers"], ["te", "gzip"]],
];

const CONTENT_LENGTHS_ACCEPTED: readonly (readonly [length: number, values: readonly string[]])[] = [
  [0, ["0"]],
  [5, ["5"]],
  [5, ["005"]],
  [5, ["5", "5"]],
  [5, ["5, 5"]],
  [5, ["5,5 ,\t5"]],
  [5, ["5, 5", "5"]],
  [9007199254740991, ["9007199254740991"]],
];

const CONTENT_LENGTHS_REFUSED: readonly (readonly string[])[] = [
  [""],
  ["-1"],
  ["+1"],
  ["1.0"],
  ["1e3"],
  ["0x10"],
  ["1 2"],
  ["five"],
  ["5\xa0"],
  ["\xb2"],
  [","],
  ["5,"],
  [",5"],
  ["5, 6"],
  ["5", "6"],
  ["5, 5", "6"],
  ["5", ""],
  ["9007199254740992"],
  ["9007199254740993"],
  ["99999999999999999999999999999999"],
  ["9".repeat(400)],
];

const REQUESTS_ACCEPTED: readonly (readonly [title: string, lines: readonly Line[]])[] = [
  ["pseudo-headers in any order", [AUTHORITY, PATH, SCHEME, METHOD]],
  ["a method that is a token", saying(":method", "X-a!#$%&'*+.^_`|~9")],
  ["a scheme of letters, digits and marks", saying(":scheme", "Aa9+-.")],
  ["a path of one slash", saying(":path", "/")],
  ["a path of two slashes", saying(":path", "//a")],
  ["every visible character but # in a path", saying(":path", "/!\"$%&'()*+,-.:;<=>?@[\\]^_`{|}~Az09")],
  ["* as the path of OPTIONS", [[":method", "OPTIONS"], SCHEME, [":path", "*"], AUTHORITY]],
  ["a path of OPTIONS", [[":method", "OPTIONS"], SCHEME, PATH, AUTHORITY]],
  ["neither :authority nor host", [METHOD, SCHEME, PATH]],
  ["an impossible :authority", saying(":authority", "a:1,b:2")],
  ["an :authority of two words", saying(":authority", "a b/c?d#e")],
  ["host alone", [METHOD, SCHEME, PATH, ["host", "a"]]],
  ["an impossible host alone", [METHOD, SCHEME, PATH, ["host", "a:1,b:2"]]],
  ["host like :authority", [...GET, ["host", "example.com:8443"]]],
  ["host like :authority in another case", [...GET, ["x-a", "b"], ["host", "EXAMPLE.com:8443"]]],
  ["CONNECT to an authority", CONNECT],
  ["CONNECT with a host like its :authority", [...CONNECT, ["host", "example.com:8443"]]],
];

const REQUESTS_REFUSED: readonly (readonly [title: string, lines: readonly Line[]])[] = [
  ["an empty list", []],
  ["no :method", [SCHEME, PATH, AUTHORITY]],
  ["no :scheme", [METHOD, PATH, AUTHORITY]],
  ["no :path", [METHOD, SCHEME, AUTHORITY]],
  ["regular fields alone", [["x-a", "b"]]],
  ...GET.flatMap(([name, value]): [string, readonly Line[]][] => [
    [`an empty ${name}`, saying(name, "")],
    [`${name} twice`, [...GET, [name, value]]],
    [`${name} twice, in a row`, [[name, value], ...GET]],
    [`${name} twice with differing values`, [...GET, [name, `${value}0`]]],
    [`${name} again after regular fields`, [...GET, ["x-a", "b"], [name, value]]],
    [`${name} after regular fields alone`, [...GET.filter((line) => line[0] !== name), ["x-a", "b"], [name, value]]],
    [`${name} in upper case`, [...GET.filter((line) => line[0] !== name), [name.toUpperCase(), value]]],
    [`a space at the end of ${name}`, saying(name, `${value} `)],
    [`a space before ${name}`, saying(name, ` ${value}`)],
    [`NUL in ${name}`, saying(name, `${value}\x00`)],
    [`CR and LF in ${name}`, saying(name, `${value}\r\na: b`)],
    [`DEL in ${name}`, saying(name, `${value}\x7f`)],
  ]),
  ["an unknown pseudo-header", [...GET, [":a", "b"]]],
  ["a pseudo-header without a name", [...GET, [":", "b"]]],
  ["a name of two colons", [...GET, ["::method", "b"]]],
  ["the :status of responses", [...GET, [":status", "200"]]],
  [":protocol with CONNECT", [[":method", "CONNECT"], [":protocol", "websocket"], SCHEME, PATH, AUTHORITY]],
  [":protocol with CONNECT to an authority", [...CONNECT, [":protocol", "websocket"]]],
  ["a space in the method", saying(":method", "GET /")],
  ["a slash in the method", saying(":method", "GE/T")],
  ["a byte above 0x7f in the method", saying(":method", "G\xc9T")],
  ["a scheme that begins with a digit", saying(":scheme", "1http")],
  ["a scheme that begins with a mark", saying(":scheme", "+http")],
  ["a colon in the scheme", saying(":scheme", "https:")],
  ["a slash in the scheme", saying(":scheme", "https/a")],
  ["a whole URL before the path in the scheme", saying(":scheme", "http://a/?")],
  ["a path without its slash", saying(":path", "a")],
  ["a URL as the path", saying(":path", "http://a/b")],
  ["a query without a path", saying(":path", "?a")],
  ["* as the path of POST", saying(":path", "*")],
  ["more than * as the path of OPTIONS", [[":method", "OPTIONS"], SCHEME, [":path", "*a"], AUTHORITY]],
  ["options in lower case with *", [[":method", "options"], SCHEME, [":path", "*"], AUTHORITY]],
  ["a space in the path", saying(":path", "/a b")],
  ["a version after the path", saying(":path", "/a HTTP/1.1")],
  ["a fragment in the path", saying(":path", "/a#b")],
  ["a tab in the path", saying(":path", "/a\tb")],
  ["another control character in the path", saying(":path", "/a\x1fb")],
  ["DEL within the path", saying(":path", "/a\x7fb")],
  ["a byte above 0x7e in the path", saying(":path", "/\xc3\xa9")],
  ["user information in :authority", saying(":authority", "user@example.com")],
  ["a user and a password in :authority", saying(":authority", "user:secret@example.com")],
  ["an empty user in :authority", saying(":authority", "@example.com")],
  ["host unlike :authority", [...GET, ["host", "example.org:8443"]]],
  ["host with another port than :authority", [...GET, ["host", "example.com:8444"]]],
  ["host without the port of :authority", [...GET, ["host", "example.com"]]],
  ["host that is empty beside :authority", [...GET, ["host", ""]]],
  ["host that differs by 0x20 beyond letters", [...saying(":authority", "[a"), ["host", "{a"]]],
  ["host that differs by 0x20 in bytes above 0x7f", [...saying(":authority", "\xe9"), ["host", "\xc9"]]],
  ["host twice", [METHOD, SCHEME, PATH, ["host", "a"], ["host", "a"]]],
  ["host twice with differing values", [METHOD, SCHEME, PATH, ["host", "a"], ["host", "b"]]],
  ["host twice, first empty", [METHOD, SCHEME, PATH, ["host", ""], ["host", "a"]]],
  ["host twice beside :authority", [...GET, ["host", "example.com:8443"], ["host", "example.com:8443"]]],
  ["CONNECT without :authority", [[":method", "CONNECT"]]],
  [
    "CONNECT with host alone",
    [
      [":method", "CONNECT"],
      ["host", "a:1"],
    ],
  ],
  ["CONNECT with :scheme", [...CONNECT, SCHEME]],
  ["CONNECT with :path", [...CONNECT, PATH]],
  ["CONNECT with :scheme and :path", [...CONNECT, SCHEME, PATH]],
  [
    "CONNECT with user information",
    [
      [":method", "CONNECT"],
      [":authority", "user@a:1"],
    ],
  ],
  ["CONNECT with a host unlike its :authority", [...CONNECT, ["host", "a:1"]]],
];

const RESPONSES_REFUSED: readonly (readonly [title: string, lines: readonly Line[]])[] = [
  ["an empty list", []],
  ["no :status", [["x-a", "b"]]],
  [":status after regular fields", [["x-a", "b"], ...OK]],
  [":status again after regular fields", [...OK, ["x-a", "b"], ...OK]],
  [":status twice", [...OK, ...OK]],
  [":status twice with differing values", [...OK, [":status", "204"]]],
  ...GET.map((line): [string, readonly Line[]] => [`the ${line[0]} of requests`, [...OK, line]]),
  ["an unknown pseudo-header", [...OK, [":a", "b"]]],
  ...[
    "",
    "0",
    "20",
    "099",
    "000",
    "2000",
    "0200",
    "1e2",
    "+20",
    "-20",
    "2.0",
    " 20",
    "20 ",
    "2 0",
    "20\xb2",
    "20x",
  ].map((status): [string, readonly Line[]] => [`the :status ${JSON.stringify(status)}`, [[":status", status]]]),
  ["the :status 101", [[":status", "101"]]],
];

describe("a request", () => {
  test("is read into its parts, with its regular fields in order", () => {
    const fields = listOf([...GET, ["x-a", "1"], ["content-length", "5"], ["x-a", "2"]]);
    expect(readRequestHead(fields)).toEqual({
      method: "POST",
      scheme: "https",
      path: "/a.B/C?d=e",
      authority: "example.com:8443",
      contentLength: 5,
      fields: fields.slice(4),
    });
  });

  test("of CONNECT has an authority alone", () => {
    expect(readRequestHead(listOf(CONNECT))).toEqual({
      method: "CONNECT",
      scheme: undefined,
      path: undefined,
      authority: "example.com:8443",
      contentLength: undefined,
      fields: [],
    });
  });

  test.each<[title: string, authority: string | undefined, lines: readonly Line[]]>([
    [":authority", "example.com:8443", GET],
    [":authority where host says it in another case", "example.com:8443", [...GET, ["host", "Example.Com:8443"]]],
    ["host where there is no :authority", "a:1", [METHOD, SCHEME, PATH, ["host", "a:1"]]],
    ["nothing where host is empty", undefined, [METHOD, SCHEME, PATH, ["host", ""]]],
    ["nothing where there is neither", undefined, [METHOD, SCHEME, PATH]],
  ])("takes its authority from %s", (_title, authority, lines) => {
    expect(readRequestHead(listOf(lines))).toHaveProperty("authority", authority);
  });

  test.each(REQUESTS_ACCEPTED)("is well-formed with %s", (_title, lines) => {
    expect(readRequestHead(listOf(lines))).not.toBeInstanceOf(Malformed);
  });

  test.each(REQUESTS_REFUSED)("is malformed with %s, also when the tables bring the fields again", (_title, lines) => {
    const fields = listOf(lines);
    expect(readRequestHead(fields)).toBeInstanceOf(Malformed);
    expect(readRequestHead([...fields])).toBeInstanceOf(Malformed);
  });
});

describe("a response", () => {
  test.each([100, 103, 199, 200, 204, 304, 404, 599, 600, 999])("is read with the status %d", (status) => {
    const fields = listOf([
      [":status", String(status)],
      ["x-a", "1"],
      ["content-length", "5"],
      ["x-a", "2"],
    ]);
    expect(readResponseHead(fields)).toEqual({ status, contentLength: 5, fields: fields.slice(1) });
  });

  test.each(RESPONSES_REFUSED)("is malformed with %s, also when the tables bring the fields again", (_title, lines) => {
    const fields = listOf(lines);
    expect(readResponseHead(fields)).toBeInstanceOf(Malformed);
    expect(readResponseHead([...fields])).toBeInstanceOf(Malformed);
  });
});

describe("trailers", () => {
  test.each([...GET, ...OK, [":a", "b"] as const, [":", "b"] as const])("are malformed with %s", (name, value) => {
    expect(checkTrailers(listOf([[name, value]]))).toBeInstanceOf(Malformed);
    expect(
      checkTrailers(
        listOf([
          ["grpc-status", "0"],
          [name, value],
        ]),
      ),
    ).toBeInstanceOf(Malformed);
  });
});

describe("regular fields, of requests, responses and trailers alike,", () => {
  // The same fields in one list after the other, as the tables bring them.
  test.each(titled(REGULAR_ACCEPTED))("are well-formed with %s", (_title, lines) => {
    const fields = listOf(lines);
    expect(readRequestHead([...listOf(GET), ...fields])).not.toBeInstanceOf(Malformed);
    expect(readResponseHead([...listOf(OK), ...fields])).not.toBeInstanceOf(Malformed);
    expect(checkTrailers(fields)).toBeUndefined();
  });

  test.each(titled(REGULAR_REFUSED))("are malformed with %s", (_title, lines) => {
    const fields = listOf(lines);
    expect(readRequestHead([...listOf(GET), ...fields])).toBeInstanceOf(Malformed);
    expect(readResponseHead([...listOf(OK), ...fields])).toBeInstanceOf(Malformed);
    expect(checkTrailers(fields)).toBeInstanceOf(Malformed);
  });

  test("hold no pseudo-header, also where it was a well-formed one in a head", () => {
    const fields = listOf(GET);
    expect(readRequestHead(fields)).not.toBeInstanceOf(Malformed);
    expect(checkTrailers(fields)).toBeInstanceOf(Malformed);
    expect(readRequestHead([...fields, ...fields.slice(2, 3)])).toBeInstanceOf(Malformed);
  });
});

describe("content-length", () => {
  test.each(CONTENT_LENGTHS_ACCEPTED)("is %d where the fields are %j", (contentLength, values) => {
    const lines = values.map((value): Line => ["content-length", value]);
    expect(readRequestHead(listOf([...GET, ...lines]))).toHaveProperty("contentLength", contentLength);
    expect(readResponseHead(listOf([...OK, ...lines]))).toHaveProperty("contentLength", contentLength);
  });

  test.each(CONTENT_LENGTHS_REFUSED.map((values) => [values]))("is malformed where the fields are %j", (values) => {
    const lines = values.map((value): Line => ["content-length", value]);
    expect(readRequestHead(listOf([...GET, ...lines]))).toBeInstanceOf(Malformed);
    expect(readResponseHead(listOf([...OK, ...lines]))).toBeInstanceOf(Malformed);
  });

  test("is unknown where the peer does not say", () => {
    expect(readRequestHead(listOf(GET))).toHaveProperty("contentLength", undefined);
    expect(readResponseHead(listOf(OK))).toHaveProperty("contentLength", undefined);
  });
});

describe("a field's value", () => {
  const fields = listOf([
    ["cookie", "a=1"],
    ["x-a", "1"],
    ["x-b", ""],
    ["cookie", "b=2"],
    ["x-a", ""],
    ["x-a", "2"],
  ]);

  test.each([
    ["x-c", undefined],
    ["x-b", ""],
    ["x-a", "1, , 2"],
    ["cookie", "a=1; b=2"],
  ])("of %s is %j", (name, value) => {
    expect(fieldValue(fields, name)).toBe(value);
  });
});

// RFC grammar written again, as patterns, so that the tables are not compared with themselves.
const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
const VALUE = /^(?![ \t])[\t\x20-\x7e\x80-\xff]*(?<![ \t])$/;
const CONNECTION_SPECIFIC = /^(?:connection|proxy-connection|keep-alive|transfer-encoding|upgrade)$/;

function expectWellFormed(fields: readonly HeaderField[]): void {
  for (const { name, value } of fields) {
    expect(name).toMatch(NAME);
    expect(name).not.toMatch(CONNECTION_SPECIFIC);
    expect(value).toMatch(VALUE);
    expect(name !== "te" || value.toLowerCase() === "trailers").toBe(true);
  }
}

function expectLoggable(malformed: Malformed): void {
  expect(malformed.reason).toMatch(/^[\x20-\x7e]{1,120}$/);
}

const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) });
const known = [
  ...GET,
  ...CONNECT,
  ...OK,
  ["te", "trailers"],
  ["host", "example.com:8443"],
  ["content-length", "5"],
] as const;
/** What is well-formed and what is nearly so, since bytes alone seldom get past the first rule. */
const name = fc.oneof(
  bytes,
  fc.constantFrom(...known.map((line) => line[0]), "connection", "upgrade", "cookie", "x-a"),
);
const value = fc.oneof(bytes, fc.constantFrom(...known.map((line) => line[1]), "", "*", "OPTIONS", "5, 5", "6"));
const line = fc.oneof({ weight: 2, arbitrary: fc.constantFrom<Line>(...known) }, fc.tuple(name, value));
const start = fc.constantFrom<readonly Line[]>([], GET, GET.slice(0, 3), CONNECT, OK);
const list = fc.tuple(start, fc.array(line, { maxLength: 8 })).map(([first, rest]) => listOf([...first, ...rest]));
const RUNS = { numRuns: 3000 };

describe("whatever bytes come", () => {
  test("a request is malformed or keeps every rule", () => {
    fc.assert(
      fc.property(list, (fields) => {
        const head = readRequestHead(fields);
        if (head instanceof Malformed) {
          return expectLoggable(head);
        }
        expectWellFormed(head.fields);
        expect(head.method).toMatch(/^[a-zA-Z0-9!#$%&'*+.^_`|~-]+$/);
        expect(head.authority ?? "a").toMatch(VALUE);
        expect(head.authority).not.toBe("");
        expect(head.contentLength ?? 0).toSatisfy((length: number) => Number.isSafeInteger(length) && length >= 0);
        if (head.method === "CONNECT") {
          expect([head.scheme, head.path]).toEqual([undefined, undefined]);
          expect(head.authority).toBeDefined();
        } else {
          expect(head.scheme).toMatch(/^[a-zA-Z][a-zA-Z0-9+.-]*$/);
          expect(head.path).toMatch(head.method === "OPTIONS" ? /^(?:\*|\/[!-"$-~]*)$/ : /^\/[!-"$-~]*$/);
        }
        const pseudoHeaders = fields.slice(0, fields.length - head.fields.length);
        expect([...pseudoHeaders, ...head.fields]).toEqual(fields);
        expect(new Set(pseudoHeaders.map((field) => field.name)).size).toBe(pseudoHeaders.length);
        expect(head.fields.filter((field) => field.name === "host").length).toBeLessThan(2);
      }),
      RUNS,
    );
  });

  test("a response is malformed or keeps every rule", () => {
    fc.assert(
      fc.property(list, (fields) => {
        const head = readResponseHead(fields);
        if (head instanceof Malformed) {
          return expectLoggable(head);
        }
        expectWellFormed(head.fields);
        expect(fields[0]).toMatchObject({ name: ":status", value: String(head.status) });
        expect(head.status).toSatisfy((status: number) => status >= 100 && status <= 999 && status !== 101);
        expect(head.contentLength ?? 0).toSatisfy((length: number) => Number.isSafeInteger(length) && length >= 0);
        expect(head.fields).toEqual(fields.slice(1));
      }),
      RUNS,
    );
  });

  test("trailers are malformed exactly where a field of theirs breaks a rule", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 4 }).map(listOf), (fields) => {
        const malformed = checkTrailers(fields);
        if (malformed === undefined) {
          return expectWellFormed(fields);
        }
        expectLoggable(malformed);
        expect(() => expectWellFormed(fields)).toThrow();
      }),
      RUNS,
    );
  });

  test("every single byte in a name or a value is judged as the RFC's grammar does", () => {
    for (let code = 0; code < 256; code++) {
      const byte = String.fromCharCode(code);
      expect([byte, checkTrailers(listOf([[`x${byte}a`, "b"]])) === undefined]).toEqual([byte, NAME.test(byte)]);
      expect([byte, checkTrailers(listOf([["x-a", `b${byte}c`]])) === undefined]).toEqual([
        byte,
        VALUE.test(`b${byte}c`),
      ]);
      expect([byte, checkTrailers(listOf([["x-a", byte]])) === undefined]).toEqual([byte, VALUE.test(byte)]);
      const path = readRequestHead(listOf(saying(":path", `/${byte}a`)));
      expect([byte, path instanceof Malformed]).toEqual([byte, !/^[!-"$-~]$/.test(byte)]);
    }
  });
});

describe("the reason", () => {
  test.each<[reason: string, lines: readonly Line[]]>([
    ["the name of X-Secret is not in lower case", [...GET, ["X-Secret", "hunter2"]]],
    ["the name of a field is not in lower case", [...GET, ["X".repeat(41), "a"]]],
    ["the name of a field is not a token", [...GET, ["x\r\ny", "a"]]],
    ["the value of x-secret holds a control character", [...GET, ["x-secret", "hunter2\n"]]],
    ["the value of x-secret begins or ends in white space", [...GET, ["x-secret", "hunter2 "]]],
    [":protocol is an unknown pseudo-header", [...CONNECT, [":protocol", "websocket"]]],
    ["a field is an unknown pseudo-header", [...GET, [":\x1b[2J", "a"]]],
    [":path is a pseudo-header among regular fields", [...GET, ["x-a", "b"], PATH]],
    [":path is doubled", [...GET, PATH]],
    [":path is missing", [METHOD, SCHEME]],
    ["CONNECT has :path", [...CONNECT, PATH]],
    ["host is unlike :authority", [...GET, ["host", "hunter2"]]],
  ])("names what is wrong and quotes a short name at most: %s", (reason, lines) => {
    expect(readRequestHead(listOf(lines))).toEqual(new Malformed(reason));
  });
});
