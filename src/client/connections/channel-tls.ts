import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { ChannelTls } from "./connect-socket.ts";

/** A certificate in PEM (RFC 7468, 5.1; the other two labels are OpenSSL's). */
const CERTIFICATE = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.*?-----END \1-----/gs;

/**
 * Refuses what no connection could be made with.
 *
 * @throws Error that names the option: what it holds is no PEM, or certificate and key do not belong together
 */
export function checkTls({ ca, cert, key }: ChannelTls): void {
  if (ca !== undefined) {
    checkAuthorities(ca.toString());
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new Error(`tls.${cert === undefined ? "key needs tls.cert" : "cert needs tls.key"}`);
  }
  if (cert !== undefined) {
    attempt("tls.cert", () => createSecureContext({ cert }));
    attempt("tls.key", () => createSecureContext({ key }));
    attempt("tls.cert and tls.key", () => createSecureContext({ cert, key }));
  }
}

/** Node drops without a word what is no certificate, and would then trust nobody. */
function checkAuthorities(pem: string): void {
  const certificates = pem.match(CERTIFICATE);
  if (certificates === null) {
    throw new Error("tls.ca holds no certificate in PEM");
  }
  for (const certificate of certificates) {
    attempt("tls.ca", () => new X509Certificate(certificate));
  }
}

function attempt(option: string, use: () => unknown): void {
  try {
    use();
  } catch (error) {
    throw new Error(`${option} cannot be used: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
}
