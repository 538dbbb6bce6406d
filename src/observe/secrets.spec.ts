import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { REDACTED, redactLine, redactQuery, secretFieldNames } from "./secrets.ts";

const OURS = { levelname: "INFO", time: "2026-01-01T00:00:00.000Z", name: "greeter" };

function line(fields: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ ...OURS, ...fields })}\n`;
}

/** What a line says in `field` once `secrets` are hidden. */
function shown(text: unknown, secrets: readonly string[]): unknown {
  const { text: result } = JSON.parse(redactLine(line({ text }), secrets)) as { text: unknown };
  return result;
}

/** Every character percent-encoded, also those that need not be. */
function percentEncoded(text: string): string {
  return [...Buffer.from(text, "utf8")].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
}

const FORMS: Readonly<Record<string, (secret: string) => string>> = {
  "as it is": (secret) => secret,
  "percent-encoded": encodeURIComponent,
  "percent-encoded in lower case": (secret) =>
    encodeURIComponent(secret).replace(/%../g, (escaped) => escaped.toLowerCase()),
  "percent-encoded in whole": percentEncoded,
  "as a form": (secret) => new URLSearchParams({ a: secret }).toString().slice(2),
  "as JSON": (secret) => JSON.stringify(secret),
  "as JSON within JSON": (secret) => JSON.stringify({ body: JSON.stringify({ secret }) }),
  "percent-encoded JSON": (secret) => encodeURIComponent(JSON.stringify({ secret })),
};

/** Characters that hide nowhere else in a line: so that what is found of a secret is the secret. */
const marks = fc.stringMatching(/^[À-ÖØ-öЀ-џ]{2,6}$/);
const specials = fc.string({
  unit: fc.constantFrom('"', "\\", " ", "+", "%", "%41", "$&", ".*", "(", "\n", "😀", "'", "/"),
  maxLength: 4,
});
const secretTexts = fc.tuple(marks, specials, marks).map((parts) => parts.join(""));

describe("redactLine", () => {
  test.each(Object.entries(FORMS))("hides a secret %s, whatever characters it has", (_name, form) => {
    fc.assert(
      fc.property(secretTexts, fc.lorem(), (secret, text) => {
        const result = shown(`${text} ${form(secret)} ${text}`, [secret]);
        expect(result).toContain(REDACTED);
        for (const any of Object.values(FORMS)) {
          expect(result).not.toContain(any(secret));
        }
      }),
      { numRuns: 200 },
    );
  });

  test("the line stays one line of JSON, with the same fields in the same order", () => {
    fc.assert(
      fc.property(fc.array(secretTexts, { maxLength: 3 }), fc.jsonValue(), (secrets, data) => {
        const fields = { message: `begin ${secrets.join("")} end`, request_id: "r", list: secrets, data };
        const result = redactLine(line(fields), secrets);
        expect(result).toMatch(/^[^\n]*\n$/);
        expect(Object.keys(JSON.parse(result))).toEqual([...Object.keys(OURS), ...Object.keys(fields)]);
      }),
    );
  });

  test("what holds no secret stays as it is, to the byte", () => {
    fc.assert(
      fc.property(fc.jsonValue(), secretTexts, (data, secret) => {
        fc.pre(!JSON.stringify(data).includes(secret));
        expect(redactLine(line({ data }), [secret])).toBe(line({ data }));
      }),
    );
  });

  test("fields beside one that quotes a secret are untouched", () => {
    const fields = {
      message: "token abcdef",
      path: "C:\\temp\\new %41 a+b",
      count: 12,
      none: null,
      yes: true,
      nested: [{ a: "b" }],
    };
    expect(JSON.parse(redactLine(line(fields), ["abcdef"]))).toEqual({
      ...OURS,
      ...fields,
      message: `token ${REDACTED}`,
    });
  });

  test("secrets that overlap, touch or hold one another leave nothing of themselves", () => {
    expect(shown("x abcdefgh x", ["abcdef", "defgh"])).toBe(`x ${REDACTED} x`);
    expect(shown("x abcdefgh x", ["cdef", "abcdefgh"])).toBe(`x ${REDACTED} x`);
    expect(shown("x abcdefgh x", ["abcd", "efgh"])).toBe(`x ${REDACTED} x`);
    expect(shown("x aaaaaaaa x", ["aaaa"])).toBe(`x ${REDACTED} x`);
  });

  test("a text is not taken for an escape by what stands before the secret", () => {
    expect(shown("C:\\token123", ["token123"])).toBe(`C:\\${REDACTED}`);
    expect(shown("100%41secret", ["41secret"])).toBe(`100%${REDACTED}`);
  });

  test("a number that is a secret is hidden, as a value and in a text", () => {
    expect(shown(12345678, ["12345678"])).toBe(REDACTED);
    expect(shown("pin=12345678", ["12345678"])).toBe(`pin=${REDACTED}`);
    expect(shown(123456789.5, ["99999999"])).toBe(123456789.5);
  });

  test("a secret is hidden in the names of nested fields too", () => {
    expect(shown({ "my-secret": [{ "a my-secret": 1 }] }, ["my-secret"])).toEqual({
      [REDACTED]: [{ [`a ${REDACTED}`]: 1 }],
    });
  });

  test("secrets of fewer than four characters are no secrets", () => {
    expect(shown("abc abcd", ["abc", ""])).toBe("abc abcd");
    expect(shown("abc abcd", ["abcd"])).toBe(`abc ${REDACTED}`);
  });

  test("a secret of escapes alone hides itself only", () => {
    const secret = "\\\\\\\\";
    expect(shown(`a ${secret} b \\n c`, [secret])).toBe(`a ${REDACTED} b \\n c`);
  });

  test("half a surrogate pair is no reason to fail", () => {
    expect(shown("x %41 abc\ud800 x", ["abc\ud800"])).toBe(`x %41 ${REDACTED} x`);
  });

  test("a caller cannot hide who it is, or what a field is called, by calling it a secret", () => {
    const fields = {
      remote_address: "203.0.113.9",
      first_request_line: "GET /203.0.113.9 HTTP/1.1",
      response_status: 2000,
      rpc_code: "not_found",
      request_id: "203.0.113.9",
      nested: { remote_address: "203.0.113.9" },
    };
    const secrets = ["203.0.113.9", "2000", "not_found", "greeter", "INFO", "remote_address", "first_request_line"];
    expect(JSON.parse(redactLine(line(fields), secrets))).toEqual({
      ...OURS,
      ...fields,
      first_request_line: `GET /${REDACTED} HTTP/1.1`,
      nested: { remote_address: REDACTED },
    });
  });
});

describe("redactQuery", () => {
  const names = secretFieldNames(["password", "apiKey"]);

  test.each([
    ["password=a&b=c", `password=${REDACTED}&b=c`],
    ["b=c&PassWord=a", `b=c&PassWord=${REDACTED}`],
    ["apikey=a", `apikey=${REDACTED}`],
    ["authorization=Bearer%20a", `authorization=${REDACTED}`],
    ["cookie=a=b", `cookie=${REDACTED}`],
    ["password=", `password=${REDACTED}`],
    ["p%61ssword=a", `p%61ssword=${REDACTED}`],
    ["password=a&password=b", `password=${REDACTED}&password=${REDACTED}`],
    ["passwords=a&xpassword=b", "passwords=a&xpassword=b"],
    ["password", "password"],
    ["%zz=a&&=b&%=c", "%zz=a&&=b&%=c"],
    ["", ""],
  ])("%s is shown as %s", (query, expected) => {
    expect(redactQuery(query, names)).toBe(expected);
  });

  test("whatever else a query holds, a secret parameter's value is gone and the rest is untouched", () => {
    const pairs = fc.array(fc.stringMatching(/^[!-%'-~]{0,12}$/), { maxLength: 5 });
    fc.assert(
      fc.property(pairs, pairs, fc.stringMatching(/^[!-%'-~]{1,20}$/), (before, after, value) => {
        const harmless = (list: readonly string[]) => list.filter((pair) => !/password|apikey|auth|cookie/i.test(pair));
        const [left, right] = [harmless(before), harmless(after)];
        fc.pre([...left, ...right].every((pair) => !pair.startsWith("%")));
        const query = [...left, `password=${value}`, ...right].join("&");
        expect(redactQuery(query, names)).toBe([...left, `password=${REDACTED}`, ...right].join("&"));
      }),
    );
  });
});

test("the well-known header fields are secret whatever a schema says, and names count in any case", () => {
  expect([...secretFieldNames(["SSN"])]).toEqual([
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "ssn",
  ]);
});

test("leaves only what is never a secret's where the secrets are too many to be looked for", () => {
  const line = `${JSON.stringify({ time: "t", levelname: "INFO", name: "n", who: "hush", request_id: "r", message: "hush" })}\n`;
  expect(JSON.parse(redactLine(line, undefined))).toEqual({
    time: "t",
    levelname: "INFO",
    name: "n",
    request_id: "r",
    message: "[redacted]",
  });
});

test("hides overlapping secrets of a long line in time that grows with the line", () => {
  const secrets = Array.from({ length: 50 }, (_, at) => "a".repeat(at + 4));
  const line = `${JSON.stringify({ message: `%41${"a".repeat(200_000)}` })}\n`;
  // A list of all occurrences would hold millions, and this would take minutes.
  expect(JSON.parse(redactLine(line, secrets))).toEqual({ message: "%41[redacted]" });
});
