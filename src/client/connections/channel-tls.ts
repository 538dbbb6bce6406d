import { createSecureContext } from "node:tls";
import { readCertificates, wordsOf } from "../../tls/pem.ts";
import type { ChannelTls } from "../../tls/renewable-tls.ts";

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
  try {
    readCertificates(pem);
  } catch (cause) {
    throw new Error(`tls.ca ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function attempt(option: string, use: () => unknown): void {
  try {
    use();
  } catch (error) {
    throw new Error(`${option} cannot be used: ${wordsOf(error)}`, { cause: error });
  }
}
