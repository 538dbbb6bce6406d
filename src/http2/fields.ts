// Over 300 lines, because one reader has to see every rule of a header list, with its tables of characters, at one place.

import type { HeaderField } from "./header-field.ts";
import { Malformed } from "./malformed.ts";

// Header lists as RFC 9113 has them (8.1.1, 8.2, 8.3), read strictly: whatever a field could be taken for by one reader
// and not by the next (request smuggling, response splitting) is malformed, not mended. A field is checked once,
// however often the tables bring it.

/** A well-formed request's head (RFC 9113, 8.3.1). */
export interface RequestHead {
  /** A token, as sent: methods are case-sensitive. */
  readonly method: string;
  /** undefined for CONNECT only. As sent, in any case. */
  readonly scheme: string | undefined;
  /** Path and query: begins with "/", or is "*" for OPTIONS; undefined for CONNECT only. */
  readonly path: string | undefined;
  /** `:authority`, else `host`; undefined where neither says anything. Any field value: whether it names a host is unchecked. */
  readonly authority: string | undefined;
  /** What the DATA frames have to add up to, at most 2^53-1; undefined where the peer does not say. */
  readonly contentLength: number | undefined;
  /** Without the pseudo-headers, in the order sent, `host` and `content-length` included. */
  readonly fields: readonly HeaderField[];
  /** What its reader has made of it: a block that comes again on a connection is the same head. */
  memo: unknown;
}

/** A well-formed response's head (RFC 9113, 8.3.2), final or 1xx. */
export interface ResponseHead {
  /** 100 to 999, never 101. */
  readonly status: number;
  /** Of the content, also where none is sent: to HEAD, and with 304. At most 2^53-1; undefined where the peer does not say. */
  readonly contentLength: number | undefined;
  /** Without `:status`, in the order sent. */
  readonly fields: readonly HeaderField[];
}

/**
 * Reads a request's header list. A request that names no authority at all is well-formed, and so is one whose authority
 * is impossible ("a:1,b:2"): those are for an answer of 400, not for a stream error.
 */
export function readRequestHead(list: readonly HeaderField[]): RequestHead | Malformed {
  const pseudoHeaders = readPseudoHeaders(list, REQUEST_PSEUDO_HEADERS);
  if (pseudoHeaders instanceof Malformed) {
    return pseudoHeaders;
  }
  const [method, scheme, path, authority] = pseudoHeaders.values;
  const fields = list.slice(pseudoHeaders.count);
  if (method === undefined) {
    return new Malformed(":method is missing");
  }
  const malformed =
    (method === "CONNECT" ? checkTunnel(scheme, path, authority) : checkTarget(method, scheme, path)) ??
    checkHost(authority, fields) ??
    checkFields(fields);
  if (malformed !== undefined) {
    return malformed;
  }
  const contentLength = readContentLength(fields);
  if (contentLength instanceof Malformed) {
    return contentLength;
  }
  // An empty host is how a client says that there is no authority (RFC 9110, 7.2).
  return {
    method,
    scheme,
    path,
    authority: authority ?? (fieldValue(fields, "host") || undefined),
    contentLength,
    fields,
    memo: undefined,
  };
}

/** Reads a response's header list, a final one's or a 1xx's. */
export function readResponseHead(list: readonly HeaderField[]): ResponseHead | Malformed {
  const pseudoHeaders = readPseudoHeaders(list, RESPONSE_PSEUDO_HEADERS);
  if (pseudoHeaders instanceof Malformed) {
    return pseudoHeaders;
  }
  const [status] = pseudoHeaders.values;
  if (status === undefined) {
    return new Malformed(":status is missing");
  }
  const fields = list.slice(pseudoHeaders.count);
  const malformed = checkFields(fields);
  if (malformed !== undefined) {
    return malformed;
  }
  const contentLength = readContentLength(fields);
  return contentLength instanceof Malformed ? contentLength : { status: Number(status), contentLength, fields };
}

/** Checks a trailer section (RFC 9113, 8.1): undefined where it is well-formed. */
export function checkTrailers(list: readonly HeaderField[]): Malformed | undefined {
  return checkFields(list);
}

/**
 * What a list says under a name (lower case): undefined where it has no such field; several are joined by ", " (RFC 9110,
 * 5.3), the crumbs of a cookie by "; " (RFC 9113, 8.2.3). Not for `set-cookie`, which has no joined form.
 */
export function fieldValue(fields: readonly HeaderField[], name: string): string | undefined {
  let value: string | undefined;
  for (const field of fields) {
    if (field.name === name) {
      value = value === undefined ? field.value : value + (name === "cookie" ? "; " : ", ") + field.value;
    }
  }
  return value;
}

// `:protocol` is not among them: extended CONNECT (RFC 8441) is not offered, so that no peer may use it.
const REQUEST_PSEUDO_HEADERS = [":method", ":scheme", ":path", ":authority"] as const;
const RESPONSE_PSEUDO_HEADERS = [":status"] as const;

interface PseudoHeaders {
  /** How many the list begins with. */
  readonly count: number;
  /** In the order in which they are known. */
  readonly values: readonly (string | undefined)[];
}

/** The pseudo-headers that a list begins with: each is known, comes once, and says something possible (RFC 9113, 8.3). */
function readPseudoHeaders(list: readonly HeaderField[], known: readonly string[]): PseudoHeaders | Malformed {
  const values: (string | undefined)[] = known.map(() => undefined);
  let count = 0;
  for (const field of list) {
    if (!isPseudoHeader(field.name)) {
      break;
    }
    const index = known.indexOf(field.name);
    if (index === -1) {
      return new Malformed(`${shown(field.name)} is an unknown pseudo-header`);
    }
    if (values[index] !== undefined) {
      return new Malformed(`${field.name} is doubled`);
    }
    field.problem = field.problem === null ? checkPseudoHeader(field) : field.problem;
    if (field.problem !== undefined) {
      return field.problem;
    }
    values[index] = field.value;
    count++;
  }
  return { count, values };
}

/** What a pseudo-header says, by itself. */
function checkPseudoHeader(field: HeaderField): Malformed | undefined {
  const { name, value } = field;
  if (value === "") {
    return new Malformed(`${name} is empty`);
  }
  const malformed = checkValue(field);
  if (malformed !== undefined) {
    return malformed;
  }
  switch (name) {
    case ":method":
      return holdsOnly(value, TOKEN) ? undefined : new Malformed(":method is not a token");
    case ":scheme":
      return holdsOnly(value, SCHEME) && holdsOnly(value.charAt(0), ALPHA)
        ? undefined
        : new Malformed(":scheme is not a scheme");
    case ":path":
      return checkPath(value);
    case ":authority":
      return value.includes("@") ? new Malformed(":authority holds user information") : undefined;
    default:
      return checkStatus(value);
  }
}

function checkPath(path: string): Malformed | undefined {
  if (path === "*") {
    return undefined; // where the method allows it
  }
  if (path.charCodeAt(0) !== SLASH) {
    return new Malformed(":path does not begin with a slash");
  }
  return holdsOnly(path, PATH) ? undefined : new Malformed(":path holds a character that no path may hold");
}

function checkStatus(status: string): Malformed | undefined {
  if (status.length !== 3 || !holdsOnly(status, DIGIT) || status < "100") {
    return new Malformed(":status is not a number from 100 to 999");
  }
  return status === "101" ? new Malformed(":status is 101, which HTTP/2 does not have (RFC 9113, 8.6)") : undefined;
}

/** The target of any method but CONNECT (RFC 9113, 8.3.1). */
function checkTarget(method: string, scheme: string | undefined, path: string | undefined): Malformed | undefined {
  if (scheme === undefined) {
    return new Malformed(":scheme is missing");
  }
  if (path === undefined) {
    return new Malformed(":path is missing");
  }
  return path === "*" && method !== "OPTIONS" ? new Malformed(":path does not begin with a slash") : undefined;
}

/** The target of CONNECT (RFC 9113, 8.5). */
function checkTunnel(
  scheme: string | undefined,
  path: string | undefined,
  authority: string | undefined,
): Malformed | undefined {
  if (scheme !== undefined || path !== undefined) {
    return new Malformed(`CONNECT has ${scheme === undefined ? ":path" : ":scheme"}`);
  }
  return authority === undefined ? new Malformed("CONNECT has no :authority") : undefined;
}

/** `host` may come once, and then says what `:authority` says (RFC 9113, 8.3.1). */
function checkHost(authority: string | undefined, fields: readonly HeaderField[]): Malformed | undefined {
  let host: string | undefined;
  for (const field of fields) {
    if (field.name !== "host") {
      continue;
    }
    if (host !== undefined) {
      return new Malformed("host is doubled");
    }
    host = field.value;
  }
  if (host !== undefined && authority !== undefined && !equalsIgnoringCase(host, authority)) {
    return new Malformed("host is unlike :authority");
  }
  return undefined;
}

/** Regular fields: of a head after its pseudo-headers, or trailers. */
function checkFields(fields: readonly HeaderField[]): Malformed | undefined {
  for (const field of fields) {
    if (isPseudoHeader(field.name)) {
      return new Malformed(`${shown(field.name)} is a pseudo-header among regular fields`);
    }
    field.problem = field.problem === null ? checkField(field) : field.problem;
    if (field.problem !== undefined) {
      return field.problem;
    }
  }
  return undefined;
}

function checkField(field: HeaderField): Malformed | undefined {
  return checkName(field.name) ?? checkValue(field) ?? checkConnectionSpecific(field);
}

/** A name is a token (RFC 9110, 5.6.2) in lower case (RFC 9113, 8.2). */
function checkName(name: string): Malformed | undefined {
  if (name === "") {
    return new Malformed("a field has no name");
  }
  if (holdsOnly(name, LOWER_TOKEN)) {
    return undefined;
  }
  return new Malformed(
    holdsOnly(name, TOKEN) ? `the name of ${shown(name)} is not in lower case` : "the name of a field is not a token",
  );
}

/** RFC 9110, 5.5 makes any control character but the tab invalid; RFC 9113, 8.2.1 adds white space at the edges. */
function checkValue(field: HeaderField): Malformed | undefined {
  const value = field.value;
  if (!holdsOnly(value, VALUE)) {
    return new Malformed(`the value of ${shown(field.name)} holds a control character`);
  }
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1))) {
    return new Malformed(`the value of ${shown(field.name)} begins or ends in white space`);
  }
  return undefined;
}

/** RFC 9113, 8.2.2. */
const CONNECTION_SPECIFIC = new Set(["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"]);

function checkConnectionSpecific(field: HeaderField): Malformed | undefined {
  if (CONNECTION_SPECIFIC.has(field.name)) {
    return new Malformed(`${field.name} is of HTTP/1.1 connections`);
  }
  if (field.name === "te" && !equalsIgnoringCase(field.value, "trailers")) {
    return new Malformed("te is other than trailers");
  }
  return undefined;
}

/** All that the list says has to be one number: a repeated one is mended, as RFC 9110, 8.6 allows; differing ones are not. */
function readContentLength(fields: readonly HeaderField[]): number | undefined | Malformed {
  let length: number | undefined;
  for (const field of fields) {
    if (field.name !== "content-length") {
      continue;
    }
    for (const part of field.value.split(",")) {
      const number = readNumber(withoutBlanks(part));
      if (number === undefined) {
        return new Malformed("content-length is not a number up to 2^53-1");
      }
      if (length !== undefined && length !== number) {
        return new Malformed("content-length is doubled with differing values");
      }
      length = number;
    }
  }
  return length;
}

/** 1*DIGIT, exactly: undefined for anything else, and above 2^53-1. */
function readNumber(text: string): number | undefined {
  const number = text !== "" && holdsOnly(text, DIGIT) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

/** OWS is spaces and tabs alone (RFC 9110, 5.6.3); trim() would take U+00A0 for white space too. */
function withoutBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) {
    start++;
  }
  while (end > start && isBlank(text.charCodeAt(end - 1))) {
    end--;
  }
  return text.slice(start, end);
}

const MAX_SHOWN_NAME = 40;

/** A name as a reason may quote it: whole, or not at all. */
function shown(name: string): string {
  const token = isPseudoHeader(name) ? name.slice(1) : name;
  return name.length <= MAX_SHOWN_NAME && holdsOnly(token, TOKEN) ? name : "a field";
}

function isPseudoHeader(name: string): boolean {
  return name.charCodeAt(0) === COLON;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** Of ASCII letters only: the strings are bytes, of which those above 0x7f are no letters. */
function equalsIgnoringCase(a: string, b: string): boolean {
  if (a === b) {
    return true;
  }
  if (a.length !== b.length) {
    return false;
  }
  for (let at = 0; at < a.length; at++) {
    if (lowered(a.charCodeAt(at)) !== lowered(b.charCodeAt(at))) {
      return false;
    }
  }
  return true;
}

function lowered(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
}

const TAB = 0x09;
const SPACE = 0x20;
const SLASH = 0x2f;
const COLON = 0x3a;

const DIGITS = span("0", "9");
const LOWER = span("a", "z");
const LETTERS = span("A", "Z") + LOWER;
const TOKEN_MARKS = "!#$%&'*+-.^_`|~";

const DIGIT = tableOf(DIGITS);
const ALPHA = tableOf(LETTERS);
/** RFC 9110, 5.6.2. */
const TOKEN = tableOf(LETTERS + DIGITS + TOKEN_MARKS);
const LOWER_TOKEN = tableOf(LOWER + DIGITS + TOKEN_MARKS);
/** RFC 3986, 3.1; the first is a letter. */
const SCHEME = tableOf(`${LETTERS + DIGITS}+-.`);
/** RFC 9110, 5.5: what is visible, space, tab, and obs-text. */
const VALUE = tableOf(`\t${span(" ", "~")}${span("\x80", "\xff")}`);
/**
 * Visible ASCII without "#", which begins a fragment. Bytes above 0x7e are outside of RFC 3986 and come to readers in
 * different encodings, so they are refused, though node:http takes them. The rest that RFC 3986 leaves out ("<>\^`{|}) is
 * let through: browsers send some of it bare, and no two readers differ about it.
 */
const PATH = tableOf(span("!", '"') + span("$", "~"));

/** The characters from one to another, both included. */
function span(first: string, last: string): string {
  let characters = "";
  for (let code = first.charCodeAt(0); code <= last.charCodeAt(0); code++) {
    characters += String.fromCharCode(code);
  }
  return characters;
}

function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (let at = 0; at < characters.length; at++) {
    table[characters.charCodeAt(at)] = 1;
  }
  return table;
}

function holdsOnly(text: string, table: Uint8Array): boolean {
  for (let at = 0; at < text.length; at++) {
    if (table[text.charCodeAt(at)] !== 1) {
      return false;
    }
  }
  return true;
}
