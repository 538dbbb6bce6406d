import { HeaderField } from "./header-field.ts";

/** The static table (RFC 7541, appendix A): the field of index i is at i - 1. */
export const STATIC_FIELDS: readonly HeaderField[] = (
  [
    [":authority", ""],
    [":method", "GET"],
    [":method", "POST"],
    [":path", "/"],
    [":path", "/index.html"],
    [":scheme", "http"],
    [":scheme", "https"],
    [":status", "200"],
    [":status", "204"],
    [":status", "206"],
    [":status", "304"],
    [":status", "400"],
    [":status", "404"],
    [":status", "500"],
    ["accept-charset", ""],
    ["accept-encoding", "gzip, deflate"],
    ["accept-language", ""],
    ["accept-ranges", ""],
    ["accept", ""],
    ["access-control-allow-origin", ""],
    ["age", ""],
    ["allow", ""],
    ["authorization", ""],
    ["cache-control", ""],
    ["content-disposition", ""],
    ["content-encoding", ""],
    ["content-language", ""],
    ["content-length", ""],
    ["content-location", ""],
    ["content-range", ""],
    ["content-type", ""],
    ["cookie", ""],
    ["date", ""],
    ["etag", ""],
    ["expect", ""],
    ["expires", ""],
    ["from", ""],
    ["host", ""],
    ["if-match", ""],
    ["if-modified-since", ""],
    ["if-none-match", ""],
    ["if-range", ""],
    ["if-unmodified-since", ""],
    ["last-modified", ""],
    ["link", ""],
    ["location", ""],
    ["max-forwards", ""],
    ["proxy-authenticate", ""],
    ["proxy-authorization", ""],
    ["range", ""],
    ["referer", ""],
    ["refresh", ""],
    ["retry-after", ""],
    ["server", ""],
    ["set-cookie", ""],
    ["strict-transport-security", ""],
    ["transfer-encoding", ""],
    ["user-agent", ""],
    ["vary", ""],
    ["via", ""],
    ["www-authenticate", ""],
  ] as const
).map(([name, value]) => new HeaderField(name, value));

/** What the static table knows of a name. */
export interface StaticName {
  /** The first index with this name. */
  readonly index: number;
  /** The index of each value that the table has for this name. */
  readonly indexByValue: ReadonlyMap<string, number>;
  /** Whether its values are secrets, which no table may keep, as guesses could be tested against it (RFC 7541, 7.1). */
  readonly isSecret: boolean;
}

const SECRET_NAMES: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie"]);

/** The static table, searched by name. */
export const STATIC_NAMES: ReadonlyMap<string, StaticName> = byName();

function byName(): Map<string, StaticName> {
  const names = new Map<string, StaticName & { readonly indexByValue: Map<string, number> }>();
  for (const [position, { name, value }] of STATIC_FIELDS.entries()) {
    const index = position + 1;
    const known = names.get(name) ?? { index, indexByValue: new Map(), isSecret: SECRET_NAMES.has(name) };
    known.indexByValue.set(value, index);
    names.set(name, known);
  }
  return names;
}
