import { Code, ConnectError } from "@connectrpc/connect";
import { markOnward } from "../../call/errors.ts";

/**
 * The error that a channel's call fails with. What the peer answered stays as it is. A connection that could not be made
 * or was lost is `unavailable`, and so is a cancellation that nobody on this side asked for: a peer that stops has its
 * streams cancelled.
 *
 * @param isCancelledHere the caller has cancelled the call, or its own call was cut short
 */
export function onwardError(thrown: unknown, url: string, isCancelledHere: boolean): ConnectError {
  const error = ConnectError.from(thrown, Code.Internal);
  return markOnward(isLostConnection(error, isCancelledHere) ? lost(error, url) : error, { url });
}

function isLostConnection(error: ConnectError, cancelledHere: boolean): boolean {
  if ("isWireError" in error && error.isWireError === true) {
    return false;
  }
  switch (error.code) {
    case Code.Aborted:
      return true;
    case Code.Canceled:
      return !cancelledHere;
    case Code.Internal:
      return systemErrorCode(error) !== undefined;
    default:
      return false;
  }
}

function lost(error: ConnectError, url: string): ConnectError {
  const { origin } = new URL(url);
  const reason = systemErrorCode(error) ?? error.rawMessage;
  const message =
    error.code === Code.Canceled
      ? `${origin} has broken the call off: ${reason}`
      : `the connection to ${origin} was lost: ${reason}`;
  return new ConnectError(message, Code.Unavailable, undefined, undefined, error);
}

/** Node's names for why a certificate is not trusted (its documentation of TLS, "X509 certificate error codes"). */
const UNTRUSTED: ReadonlySet<string> = new Set([
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_CRL",
  "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
  "UNABLE_TO_DECRYPT_CRL_SIGNATURE",
  "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
  "CERT_SIGNATURE_FAILURE",
  "CRL_SIGNATURE_FAILURE",
  "CERT_NOT_YET_VALID",
  "CERT_HAS_EXPIRED",
  "CRL_NOT_YET_VALID",
  "CRL_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_CHAIN_TOO_LONG",
  "CERT_REVOKED",
  "INVALID_CA",
  "PATH_LENGTH_EXCEEDED",
  "INVALID_PURPOSE",
  "CERT_UNTRUSTED",
  "CERT_REJECTED",
  "HOSTNAME_MISMATCH",
  "OUT_OF_MEM",
  "UNSPECIFIED",
]);

/** Node's name for what went wrong below, such as ECONNRESET, from anywhere in the chain of causes. */
function systemErrorCode(error: unknown): string | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    if ("code" in cause && typeof cause.code === "string") {
      if (/^E[A-Z0-9_]+$/.test(cause.code) || UNTRUSTED.has(cause.code)) {
        return cause.code;
      }
    }
  }
  return undefined;
}
