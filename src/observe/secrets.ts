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

/** Hides `secrets` wherever a text of a log line's JSON quotes them, in plain or percent-encoded form. */
export function redactLine(line: string, secrets: readonly string[]): string {
  const quoted = secrets
    .filter((secret) => secret.length >= MIN_SECRET_LENGTH)
    .flatMap((secret) => [secret, encodeURIComponent(secret)]);
  const found = quoted.filter((secret) => line.includes(JSON.stringify(secret).slice(1, -1)));
  if (found.length === 0) {
    return line;
  }
  const longestFirst = found.sort((a, b) => b.length - a.length);
  const redactValue = (_key: string, value: unknown) =>
    typeof value === "string" ? longestFirst.reduce((text, secret) => text.replaceAll(secret, REDACTED), value) : value;
  const { time, levelname, name, request_id, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const redacted = JSON.parse(JSON.stringify(rest), redactValue) as Record<string, unknown>;
  return `${JSON.stringify({ time, levelname, name, ...redacted, request_id })}\n`;
}
