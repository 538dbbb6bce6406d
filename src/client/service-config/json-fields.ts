// Reads proto3 JSON (protobuf.dev, "ProtoJSON Format") field by field. `path` says where a value stands, for errors; null is
// the same as a field that is not there.

export type JsonObject = Readonly<Record<string, unknown>>;

/** A duration holds at most 10,000 years (google/protobuf/duration.proto). */
const MAX_DURATION_SECONDS = 315_576_000_000;
const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;
const DURATION = /^(?!s)(\d{0,12})(?:\.(\d{1,9}))?s$/;

/** @throws Error where it is no object */
export function objectAt(value: unknown, path: string): JsonObject {
  if (!isObject(value)) {
    throw wrong(value, path, "an object");
  }
  return value;
}

/** @throws Error where it is no list; one that is not there is empty */
export function listAt(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) {
    return value;
  }
  if (isAbsent(value)) {
    return [];
  }
  throw wrong(value, path, "a list");
}

/** @throws Error where it is no text; one that is not there is empty */
export function textAt(value: unknown, path: string): string {
  if (isAbsent(value)) {
    return "";
  }
  if (typeof value !== "string") {
    throw wrong(value, path, "text");
  }
  return value;
}

/** @throws Error where it is neither true nor false */
export function booleanAt(value: unknown, path: string): boolean | undefined {
  if (isAbsent(value)) {
    return undefined;
  }
  if (typeof value !== "boolean") {
    throw wrong(value, path, "true or false");
  }
  return value;
}

/**
 * A number, which may also stand there as text.
 *
 * @throws Error where it is not there, no number, or not what is allowed
 */
export function numberAt(
  value: unknown,
  path: string,
  allowed: string,
  isAllowed: (number: number) => boolean,
): number {
  const number = typeof value === "string" && NUMBER.test(value) ? Number(value) : value;
  if (typeof number !== "number" || !Number.isFinite(number) || !isAllowed(number)) {
    throw wrong(value, path, allowed);
  }
  return number;
}

/**
 * The milliseconds of a duration such as "1.5s".
 *
 * @throws Error where it is not there, no duration, or 0
 */
export function positiveDurationMsAt(value: unknown, path: string): number {
  const durationMs = durationMsOf(value);
  if (durationMs === undefined || durationMs === 0) {
    throw wrong(value, path, 'a duration of more than 0 seconds, such as "1.5s"');
  }
  return durationMs;
}

/**
 * The milliseconds of a duration such as "1.5s"; 0 where it is not there.
 *
 * @throws Error where it is no duration
 */
export function durationMsAt(value: unknown, path: string): number {
  const durationMs = isAbsent(value) ? 0 : durationMsOf(value);
  if (durationMs === undefined) {
    throw wrong(value, path, 'a duration in seconds, such as "1.5s"');
  }
  return durationMs;
}

function durationMsOf(value: unknown): number | undefined {
  const [isDuration, seconds, fraction = ""] = (typeof value === "string" && DURATION.exec(value)) || [];
  if (isDuration === undefined || Number(seconds) > MAX_DURATION_SECONDS) {
    return undefined;
  }
  const digits = fraction.padEnd(9, "0");
  return Number(`${seconds}${digits.slice(0, 3)}.${digits.slice(3)}`); // exact, which a multiplication would not be
}

export function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

/** @param allowed goes on from "it has to be" */
export function wrong(value: unknown, path: string, allowed: string): Error {
  return new Error(`${path} is ${described(value)}; it has to be ${allowed}`);
}

function described(value: unknown): string {
  if (isAbsent(value)) {
    return "missing";
  }
  if (typeof value === "object") {
    return Array.isArray(value) ? "a list" : "an object";
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
