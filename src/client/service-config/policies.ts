import { Code } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { durationMsAt, listAt, numberAt, objectAt, positiveDurationMsAt, wrong } from "./json-fields.ts";
import type { HedgingPolicy, RetryPolicy } from "./method-config.ts";

/** What clients take at most, whatever the config says (gRPC's A6, "Limits on Retries and Hedges"). */
const MOST_ATTEMPTS = 5;

/** @throws Error that names the field */
export function readRetryPolicy(value: unknown, path: string): RetryPolicy {
  const fields = objectAt(value, path);
  return {
    maxAttempts: attemptsAt(fields["maxAttempts"], `${path}.maxAttempts`),
    initialBackoffMs: positiveDurationMsAt(fields["initialBackoff"], `${path}.initialBackoff`),
    maxBackoffMs: positiveDurationMsAt(fields["maxBackoff"], `${path}.maxBackoff`),
    backoffMultiplier: numberAt(
      fields["backoffMultiplier"],
      `${path}.backoffMultiplier`,
      "a number of more than 0",
      (number) => number > 0,
    ),
    retryableCodes: someCodesAt(fields["retryableStatusCodes"], `${path}.retryableStatusCodes`),
  };
}

/** @throws Error that names the field */
export function readHedgingPolicy(value: unknown, path: string): HedgingPolicy {
  const fields = objectAt(value, path);
  return {
    maxAttempts: attemptsAt(fields["maxAttempts"], `${path}.maxAttempts`),
    delayMs: durationMsAt(fields["hedgingDelay"], `${path}.hedgingDelay`),
    nonFatalCodes: codesAt(fields["nonFatalStatusCodes"], `${path}.nonFatalStatusCodes`),
  };
}

function attemptsAt(value: unknown, path: string): number {
  const isAllowed = (number: number) => Number.isInteger(number) && number >= 2;
  return Math.min(numberAt(value, path, "a whole number from 2", isAllowed), MOST_ATTEMPTS);
}

function someCodesAt(value: unknown, path: string): ReadonlySet<Code> {
  const codes = codesAt(value, path);
  if (codes.size === 0) {
    throw new Error(`${path} lists no code; it has to list at least one, such as "UNAVAILABLE"`);
  }
  return codes;
}

function codesAt(value: unknown, path: string): ReadonlySet<Code> {
  return new Set(listAt(value, path).map((entry, index) => codeAt(entry, `${path}[${index}]`)));
}

function codeAt(value: unknown, path: string): Code {
  const code = typeof value === "string" ? codeOf(value) : value;
  if (typeof code !== "number" || !(code in Code)) {
    throw wrong(value, path, 'a status code of gRPC, such as "UNAVAILABLE" or 14, and not OK');
  }
  return code;
}

function codeOf(name: string): Code | undefined {
  const code = name.toLowerCase();
  return code === "cancelled" ? Code.Canceled : codeFromString(code); // gRPC writes it with two l, Connect with one
}
