import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";

/** A certificate in PEM (RFC 7468, 5.1; the other two labels are OpenSSL's). */
const CERTIFICATE = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.*?-----END \1-----/gs;
const BEGINNING = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/g;

/**
 * The certificates of a text in PEM, in their order.
 *
 * @throws Error that says what is wrong with the text
 */
export function readCertificates(pem: string): readonly X509Certificate[] {
  const found = pem.match(CERTIFICATE) ?? [];
  if (found.length < (pem.match(BEGINNING)?.length ?? 0)) {
    throw new Error("holds a certificate without its end"); // it is being written; OpenSSL would take those before
  }
  if (found.length === 0) {
    throw new Error("holds no certificate in PEM");
  }
  return found.map((certificate, index) => {
    try {
      return new X509Certificate(certificate);
    } catch (cause) {
      const which = found.length === 1 ? "a certificate" : `a certificate (the ${index + 1}. of ${found.length})`;
      throw new Error(`holds ${which} that cannot be read: ${wordsOf(cause)}`, { cause });
    }
  });
}

/**
 * The private key of a text in PEM.
 *
 * @throws Error that says what is wrong with the text
 */
export function readPrivateKey(pem: string): KeyObject {
  if (!/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(pem)) {
    throw new Error("holds no private key in PEM");
  }
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(pem)) {
    throw new Error("holds a private key with a passphrase; one without is needed");
  }
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new Error(`holds a private key that cannot be read: ${wordsOf(cause)}`, { cause });
  }
}

/** OpenSSL's reason, without the place in its source. */
export function wordsOf(error: unknown): string {
  if (error instanceof Error) {
    return "reason" in error && typeof error.reason === "string" ? error.reason : error.message;
  }
  return String(error);
}
