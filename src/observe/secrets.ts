import { searchFor } from "./quoted-secrets.ts";

// Secrets appear nowhere in the log: neither fields that carry them, nor texts that quote them.

export const REDACTED = "[redacted]";

/** A shorter text says too little to be a secret, and too much else would be taken for it. */
const MIN_SECRET_LENGTH = 4;

const SECRET_FIELDS: ReadonlySet<string> = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie"]);

/** Field names that hide their value, in any spelling: the well-known header fields, and fields marked `debug_redact`. */
export function secretFieldNames(redacted: readonly string[]): ReadonlySet<string> {
  return new Set([...SECRET_FIELDS, ...redacted.map((name) => name.toLowerCase())]);
}

/** Hides the values of secret parameters in a query, and leaves the rest as it is. */
export function redactQuery(query: string, names: ReadonlySet<string>): string {
  return query
    .split("&")
    .map((pair) => {
      const [name = ""] = pair.split("=", 1);
      return pair.includes("=") && names.has(decoded(name).toLowerCase()) ? `${name}=${REDACTED}` : pair;
    })
    .join("&");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text; // a malformed escape is no secret's name
  }
}

/** Fields that the chassis writes: their names hold nothing of a caller's, whatever a caller calls its secrets. */
const OUR_FIELDS: ReadonlySet<string> = new Set([
  ...["time", "levelname", "name", "message", "request_id", "err", "type", "stack", "causes", "code"],
  ...["remote_address", "first_request_line", "response_status", "response_size", "request_time_frac"],
  ...["peer_identity", "rpc_protocol", "rpc_code", "aborted"],
]);

/** Fields whose values are never a secret's: a caller that sends its address or identity as a cookie must not hide it so. */
const OUR_VALUES: ReadonlySet<string> = new Set([
  ...["time", "levelname", "name", "request_id", "remote_address", "peer_identity", "rpc_protocol", "rpc_code"],
  ...["response_status", "response_size", "request_time_frac"],
]);

/**
 * Hides `secrets` wherever a value of a log line's JSON quotes them: plain, percent-encoded, or as JSON within the text,
 * in whole or in part. The line stays one line of JSON, its fields in their order.
 *
 * @param secrets undefined where they are too many to be looked for: then only what is never a secret's is left
 */
export function redactLine(line: string, secrets: readonly string[] | undefined): string {
  if (secrets === undefined) {
    return withoutTexts(line);
  }
  const mayFit = ({ length }: string) => length >= MIN_SECRET_LENGTH && length <= line.length;
  const search = searchFor([...new Set(secrets)].filter(mayFit));
  if (!search.mayBeIn(line)) {
    return line;
  }
  const hide = (value: unknown, isOurs: boolean): unknown => {
    switch (typeof value) {
      case "string":
        return search.replaceAll(value, REDACTED);
      case "number":
        return search.replaceAll(String(value), REDACTED) === String(value) ? value : REDACTED;
      case "object":
        return value === null || Array.isArray(value)
          ? (value?.map((item) => hide(item, false)) ?? null)
          : Object.fromEntries(
              Object.entries(value).map(([key, item]) => [
                OUR_FIELDS.has(key) ? key : search.replaceAll(key, REDACTED),
                isOurs && OUR_VALUES.has(key) ? item : hide(item, false),
              ]),
            );
      default:
        return value;
    }
  };
  return `${JSON.stringify(hide(JSON.parse(line), true))}\n`;
}

function withoutTexts(line: string): string {
  const fields = JSON.parse(line) as Record<string, unknown>; // a line of the log is an object
  const left = Object.entries(fields).filter(([name]) => OUR_VALUES.has(name));
  return `${JSON.stringify({ ...Object.fromEntries(left), message: REDACTED })}\n`;
}
