import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { PeerIdentity } from "../call/peer.ts";
import { readAltNames } from "./alt-names.ts";
import { certificateProblem } from "./handshake-error.ts";
import { maySign } from "./key-usage.ts";
import { isWorkloadId } from "./spiffe.ts";

/** What became of the certificate that a peer was asked for. */
export interface PeerCertificate {
  /** Of one that was verified. */
  readonly identity: PeerIdentity | undefined;
  /** When that certificate ends, in milliseconds since the epoch. */
  readonly endsAt?: number | undefined;
  /** Why the one that it showed is not accepted. */
  readonly problem: string | undefined;
}

/** It showed none, was not asked, or speaks in cleartext. */
export const NO_CERTIFICATE: PeerCertificate = { identity: undefined, problem: undefined };

/**
 * Who a peer is by its certificate: on a connection whose session was resumed, the one of the first handshake, which is
 * judged by its time again.
 *
 * @param now milliseconds since the epoch
 */
export function peerCertificate(socket: TLSSocket, now: number): PeerCertificate {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    return NO_CERTIFICATE;
  }
  if (!socket.authorized) {
    const { authorizationError } = socket;
    return { identity: undefined, problem: certificateProblem(codeOf(authorizationError)) };
  }
  const endsAt = Date.parse(certificate.validTo);
  if (endsAt < now) {
    return { identity: undefined, problem: certificateProblem("CERT_HAS_EXPIRED") };
  }
  return { identity: identityOf(certificate), endsAt, problem: undefined };
}

/** Node gives the code as text, where its types have an error. */
function codeOf(error: unknown): string {
  return error instanceof Error ? ("code" in error ? String(error.code) : error.message) : String(error);
}

/** What a certificate says of its holder, whoever vouches for it. */
export function identityOf(certificate: X509Certificate): PeerIdentity {
  const subject = subjectOf(certificate);
  const { dnsNames, uris } = readAltNames(certificate.subjectAltName ?? "") ?? { dnsNames: [], uris: [] };
  const [uri] = uris;
  // One that signs others is no workload's (X509-SVID, 5.2).
  const isWorkload =
    uris.length === 1 && uri !== undefined && isWorkloadId(uri) && !certificate.ca && !maySign(certificate);
  const spiffeId = isWorkload ? uri : undefined;
  const [dnsName] = dnsNames;
  const name = spiffeId ?? (dnsName === undefined ? `subject:${subject}` : `dns:${dnsName}`);
  return { spiffeId, dnsNames, subject, name };
}

/** OpenSSL gives a line for each name, the most significant first, with what could be taken for another escaped; RFC 4514 has the last one first. */
function subjectOf({ subject }: X509Certificate): string {
  return (subject ?? "").split("\n").reverse().join(",").replaceAll(" + ", "+");
}
