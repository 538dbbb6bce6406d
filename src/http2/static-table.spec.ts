import { expect, test } from "vitest";
import { STATIC_FIELDS, STATIC_NAMES } from "./static-table.ts";

test("the static table has the 61 fields of RFC 7541, appendix A, at their indexes", () => {
  const at = (index: number) => `${STATIC_FIELDS[index - 1]?.name}=${STATIC_FIELDS[index - 1]?.value}`;
  expect(STATIC_FIELDS).toHaveLength(61);
  expect([1, 2, 3, 7, 8, 14, 15, 16, 31, 32, 55, 58, 61].map(at)).toEqual([
    ...[":authority=", ":method=GET", ":method=POST", ":scheme=https", ":status=200", ":status=500", "accept-charset="],
    ...["accept-encoding=gzip, deflate", "content-type=", "cookie=", "set-cookie=", "user-agent=", "www-authenticate="],
  ]);
});

test("a search by name gives the first index, and that of each value", () => {
  for (const [position, { name, value }] of STATIC_FIELDS.entries()) {
    const known = STATIC_NAMES.get(name);
    expect(known?.indexByValue.get(value)).toBe(position + 1);
    expect(known?.index).toBe(STATIC_FIELDS.findIndex((field) => field.name === name) + 1);
  }
  expect(STATIC_NAMES.size).toBe(new Set(STATIC_FIELDS.map(({ name }) => name)).size);
});

test("the values of authorization, proxy-authorization, cookie and set-cookie are secrets, and no others", () => {
  const secrets = [...STATIC_NAMES].filter(([, { isSecret }]) => isSecret).map(([name]) => name);
  expect(secrets).toEqual(["authorization", "cookie", "proxy-authorization", "set-cookie"]);
});
