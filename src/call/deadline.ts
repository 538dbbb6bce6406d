const GRPC_TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const GRPC_UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
const CONNECT_TIMEOUT = /^\d{1,10}$/;

/** The header in which each protocol carries a time-out. REST takes Connect's. */
export const TIMEOUT_HEADER = { grpc: "grpc-timeout", connect: "connect-timeout-ms" } as const;
export type TimeoutHeader = (typeof TIMEOUT_HEADER)[keyof typeof TIMEOUT_HEADER];

/**
 * Reads `grpc-timeout` (gRPC over HTTP/2, "Requests": at most eight digits and a unit) or `connect-timeout-ms` (Connect
 * protocol, "Timeout": at most ten digits). Answers milliseconds, or undefined where the value is malformed.
 */
export function parseTimeoutMs(header: TimeoutHeader, value: string): number | undefined {
  if (header === TIMEOUT_HEADER.connect) {
    return CONNECT_TIMEOUT.test(value) ? Number(value) : undefined;
  }
  const [, digits, unit] = GRPC_TIMEOUT.exec(value) ?? [];
  const unitMs = GRPC_UNIT_MS[unit ?? ""];
  return unitMs === undefined ? undefined : Number(digits) * unitMs;
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
