const GRPC_DIGITS = 8;
const GRPC_UNITS_MS = new Map([
  ["H", 3_600_000],
  ["M", 60_000],
  ["S", 1000],
  ["m", 1],
  ["u", 1e-3],
  ["n", 1e-6],
]);
const CONNECT_DIGITS = 10;
const ZERO = 0x30;

/** The header in which each protocol carries a time-out. REST takes Connect's. */
export const TIMEOUT_HEADER = { grpc: "grpc-timeout", connect: "connect-timeout-ms" } as const;
export type TimeoutHeader = (typeof TIMEOUT_HEADER)[keyof typeof TIMEOUT_HEADER];

/**
 * Reads `grpc-timeout` (gRPC over HTTP/2, "Requests": at most eight digits and a unit) or `connect-timeout-ms` (Connect
 * protocol, "Timeout": at most ten digits). Answers milliseconds, or undefined where the value is malformed.
 */
export function parseTimeoutMs(header: TimeoutHeader, value: string): number | undefined {
  if (header === TIMEOUT_HEADER.connect) {
    return readDigits(value, value.length, CONNECT_DIGITS);
  }
  const digits = readDigits(value, value.length - 1, GRPC_DIGITS);
  const unitMs = GRPC_UNITS_MS.get(value.charAt(value.length - 1));
  return digits === undefined || unitMs === undefined ? undefined : digits * unitMs;
}

/** The number that the first `length` characters are: undefined unless they are one to `max` digits. */
function readDigits(text: string, length: number, max: number): number | undefined {
  if (length < 1 || length > max) {
    return undefined;
  }
  let number = 0;
  for (let at = 0; at < length; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) {
      return undefined;
    }
    number = number * 10 + digit;
  }
  return number;
}

/** Writes a time-out as the header wants it: whole milliseconds, rounded up so that a rest of a millisecond is not 0. */
export function formatTimeout(header: TimeoutHeader, timeoutMs: number): string {
  const wholeMs = Math.ceil(Math.max(0, timeoutMs));
  if (header === TIMEOUT_HEADER.connect) {
    return String(Math.min(wholeMs, 9_999_999_999));
  }
  return wholeMs <= 99_999_999 ? `${wholeMs}m` : `${Math.min(Math.ceil(wholeMs / 1000), 99_999_999)}S`;
}

/** What bounds the time of the calls that a service answers. */
export interface DeadlineLimits {
  /** Milliseconds that a unary call without a deadline gets; infinite: none. */
  readonly defaultMs: number;
  /** The most milliseconds that any call gets, whatever it asks for. */
  readonly maxMs: number;
}

/**
 * What a call has, in milliseconds: what its caller asks for, or a unary call's default; undefined where that is no bound.
 *
 * @param askedMs undefined where the caller does not ask
 */
export function boundedMs(
  askedMs: number | undefined,
  isUnary: boolean,
  { defaultMs, maxMs }: DeadlineLimits,
): number | undefined {
  const bounded = askedMs !== undefined ? Math.min(askedMs, maxMs) : isUnary ? defaultMs : Number.POSITIVE_INFINITY;
  return bounded === Number.POSITIVE_INFINITY ? undefined : bounded;
}
