/** What is wrong with a certificate, by OpenSSL's name for it (its documentation, openssl-verification-options(1)). */
const CERTIFICATE_PROBLEMS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "it has expired",
  CERT_NOT_YET_VALID: "it is not valid yet",
  CERT_REVOKED: "it was revoked",
  CERT_SIGNATURE_FAILURE: "its signature is not its issuer's",
  CERT_CHAIN_TOO_LONG: "its chain is too long",
  CERT_UNTRUSTED: "its issuer is not trusted for this",
  CERT_REJECTED: "its issuer is not trusted for this",
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is signed by itself, and not trusted",
  SELF_SIGNED_CERT_IN_CHAIN: "its authority is not trusted",
  UNABLE_TO_GET_ISSUER_CERT: "its issuer is not known",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its issuer is not known",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its issuer is not known",
  INVALID_CA: "its issuer may not sign certificates",
  INVALID_PURPOSE: "it is not for this purpose (extended key usage)",
  PATH_LENGTH_EXCEEDED: "its issuer may not have such a chain",
  HOSTNAME_MISMATCH: "it is for another name",
};

/** Says what is wrong with a certificate, by OpenSSL's code for it, which stands behind. */
export function certificateProblem(code: string): string {
  const words = CERTIFICATE_PROBLEMS[code];
  return words === undefined ? code : `${words} (${code})`;
}

/** What OpenSSL says of peers that do not speak TLS, and what peers say by an alert (RFC 8446, 6.2). */
const HANDSHAKE_PROBLEMS: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: "the peer does not speak TLS here",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "the peer does not speak TLS here",
  ERR_SSL_HTTP_REQUEST: "the peer does not speak TLS here",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the peer does not trust the authority of our certificate",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "the peer does not accept our certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "the peer does not accept our certificate",
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: "the peer does not accept our certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "the peer finds that our certificate has expired",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: "the peer finds that our certificate was revoked",
  ERR_SSL_TLSV1_ALERT_ACCESS_DENIED: "the peer does not let us in",
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: "the peer asks for a client certificate",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "the peer speaks no version of TLS that we do, which are 1.2 and 1.3",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "the peer speaks no version of TLS that we do, which are 1.2 and 1.3",
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: "the peer does not speak the version of HTTP that was asked for (ALPN)",
  ERR_SSL_NO_APPLICATION_PROTOCOL: "the peer asks for no version of HTTP that is spoken here (ALPN)",
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: "the peer found nothing in common in the handshake",
  ERR_SSL_NO_SHARED_CIPHER: "the peer has no cipher in common with us",
};

/** Why a TLS handshake failed, in words; undefined for an error that is none of TLS. */
export function handshakeProblem(error: Error): string | undefined {
  const code = "code" in error ? String(error.code) : "";
  const words = HANDSHAKE_PROBLEMS[code.replace("SSL/TLS", "SSLV3")]; // OpenSSL 3.2 has renamed what SSL 3.0 began
  if (words !== undefined) {
    return `${words} (${code})`;
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `the peer's certificate is not accepted: ${error.message}`;
  }
  if (code in CERTIFICATE_PROBLEMS) {
    return `the peer's certificate is not accepted: ${certificateProblem(code)}`;
  }
  if (code === "ECONNRESET" && error.message.includes("before secure TLS connection")) {
    return "the peer has closed it in the middle of the TLS handshake";
  }
  // OpenSSL's own text begins with a number, the place in its source, and ends in a line feed.
  const reason = "reason" in error ? String(error.reason) : error.message;
  return code.startsWith("ERR_SSL_") ? `the TLS handshake failed: ${reason} (${code})` : undefined;
}
