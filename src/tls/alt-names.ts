/** The names of a certificate that are of use here (RFC 5280, 4.2.1.6). */
export interface AltNames {
  /** In lower case. */
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
}

/**
 * A kind (one is `X400Name`) and a name, which is quoted as JSON is where it has characters that could be taken for the end of
 * one.
 */
const ENTRY = /([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

/**
 * Reads the subject alternative names as node:crypto writes them (its documentation, `x509.subjectAltName`).
 *
 * @returns undefined where they cannot be read for sure
 */
export function readAltNames(text: string): AltNames | undefined {
  const dnsNames: string[] = [];
  const uris: string[] = [];
  ENTRY.lastIndex = 0;
  while (ENTRY.lastIndex < text.length) {
    const [, kind, written = ""] = ENTRY.exec(text) ?? [];
    if (kind === undefined) {
      return undefined;
    }
    const name = written.startsWith('"') ? unquoted(written) : written;
    if (name === undefined) {
      return undefined;
    }
    if (kind === "DNS") {
      dnsNames.push(name.toLowerCase());
    } else if (kind === "URI") {
      uris.push(name);
    }
  }
  return { dnsNames, uris };
}

function unquoted(written: string): string | undefined {
  try {
    const name: unknown = JSON.parse(written);
    return typeof name === "string" ? name : undefined;
  } catch {
    return undefined;
  }
}
