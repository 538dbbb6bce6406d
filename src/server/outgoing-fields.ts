import { validateHeaderName, validateHeaderValue } from "node:http";

/** A field's value, or values, as node:http takes them. */
export type FieldValue = number | string | readonly string[];

/** Names and values; undefined is refused, as by node:http. */
export type WrittenObject = Readonly<Record<string, FieldValue | undefined>>;

/** A field as the engine takes it: the name in lower case. */
export type Line = readonly [name: string, value: string];

/**
 * HTTP/2 has no such fields (RFC 9113, 8.2.2), and peers take an answer that has them for malformed. They are dropped
 * without a word where node:http2 throws or warns: applications set them for HTTP/1.1, where they are right, and what
 * they ask for is either meaningless here or the engine's affair.
 */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);

/** Lines, by their lower-case names, as a stream has them. */
export function streamLines(fields: Iterable<Line>): Line[] {
  const lines: Line[] = [];
  for (const [name, value] of fields) {
    addLines(lines, name, value);
  }
  return lines;
}

/** What `writeHead`, `writeInformation` and `addTrailers` take: an object, names and values in turn, or pairs. */
export type WrittenFields = WrittenObject | readonly FieldValue[] | readonly (readonly [string, FieldValue])[];

/**
 * The names and values of fields, however they are written.
 *
 * @throws ERR_INVALID_ARG_VALUE where a list has more names than values
 */
export function pairsOf(
  fields: WrittenFields | undefined | null,
): readonly (readonly [string, FieldValue | undefined])[] {
  if (fields === undefined || fields === null) {
    return [];
  }
  if (!Array.isArray(fields)) {
    return Object.entries(fields as WrittenObject); // the compiler does not tell readonly lists from objects here
  }
  if (Array.isArray(fields[0])) {
    return fields;
  }
  if (fields.length % 2 !== 0) {
    throw errorOf(TypeError, "ERR_INVALID_ARG_VALUE", "a list of header fields has as many values as names");
  }
  const pairs: [string, FieldValue][] = [];
  for (let index = 0; index < fields.length; index += 2) {
    pairs.push([String(fields[index]), fields[index + 1]]);
  }
  return pairs;
}

/** Adds a field, by a line for every value that it has. */
export function addLines(lines: Line[], name: string, value: FieldValue | undefined): void {
  if (CONNECTION_FIELDS.has(name) || value === undefined) {
    return;
  }
  if (typeof value === "object") {
    for (const one of value) {
      lines.push([name, withoutEdges(String(one))]);
    }
  } else {
    lines.push([name, withoutEdges(String(value))]);
  }
}

/** Values have no white space at their edges over HTTP/2 (RFC 9113, 8.2.1); over HTTP/1.1 it does not count. */
function withoutEdges(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) {
    start++;
  }
  while (end > start && isBlank(value.charCodeAt(end - 1))) {
    end--;
  }
  return start === 0 && end === value.length ? value : value.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Throws what node:http throws for a name or a value that no field can have. */
export function validateField(name: string, value: FieldValue | undefined): void {
  validateHeaderName(name);
  validateHeaderValue(name, value as string); // it takes undefined, to refuse it, and numbers and lists as well
}

/** An error with one of Node's codes. */
export function errorOf(Kind: new (message: string) => Error, code: string, message: string): Error {
  return Object.assign(new Kind(message), { code });
}
