import type { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { identityOf } from "./identity.ts";
import { readCertificates, readPrivateKey, wordsOf } from "./pem.ts";

/** What is read from files: a certificate with its chain, its key, and the authorities of clients and of targets. */
export type CredentialRole = "cert" | "key" | "clientCa" | "ca";

/** What credentials are for. */
export interface CredentialUse {
  /** How messages name a file, such as `TLS_CERT_FILE=/etc/tls/tls.crt`. */
  readonly nameOf: (role: CredentialRole) => string;
  /** A port shows its certificate to clients; a channel to servers. */
  readonly shownTo: "clients" | "servers";
}

/** What a process shows and trusts by TLS: checked as a whole, and replaced as a whole. */
export interface Credentials {
  /** What it shows, in PEM. */
  readonly pair: { readonly cert: string; readonly key: string } | undefined;
  /** Authorities of its clients' certificates, in PEM. */
  readonly clientCa: string | undefined;
  /** Authorities of the certificates of whom it calls, in PEM; those that Node trusts where there are none. */
  readonly ca: string | undefined;
  readonly certificate: CertificateFacts | undefined;
}

/** What people want to know of the certificate that is shown. */
export interface CertificateFacts {
  /** Whose it is: see PeerIdentity's `name`. */
  readonly holder: string;
  /** When it, or one of the chain, ends: milliseconds since the epoch. */
  readonly endsAt: number;
  /** By its extended key usage it may also be a client's (RFC 5280, 4.2.1.12). */
  readonly isForClients: boolean;
}

/** Credentials that cannot be used; the message says which file, and why. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
}

/** Of extended key usage (RFC 5280, 4.2.1.12). */
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const ANY_USAGE = "2.5.29.37.0";

/**
 * Reads credentials and checks that they can be used together: the key is the certificate's, the chain can be read, nothing
 * shown has expired or is yet to come, and of the authorities of a file one is valid at least.
 *
 * @param pems what the files hold
 * @param now milliseconds since the epoch
 * @throws CredentialsError
 */
export function checkCredentials(
  pems: Readonly<Partial<Record<CredentialRole, string>>>,
  { nameOf, shownTo }: CredentialUse,
  now: number,
): Credentials {
  const { cert, key, clientCa, ca } = pems;
  for (const role of ["clientCa", "ca"] as const) {
    const pem = pems[role];
    if (pem !== undefined) {
      about(nameOf(role), () => checkAuthorities(readCertificates(pem), now));
    }
  }
  if (cert === undefined || key === undefined) {
    return { pair: undefined, clientCa, ca, certificate: undefined };
  }
  const chain = about(nameOf("cert"), () => readCertificates(cert));
  const leaf = chain[0] as X509Certificate; // it has one at least
  const privateKey = about(nameOf("key"), () => readPrivateKey(key));
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new CredentialsError(`${nameOf("key")} is not the key to the certificate in ${nameOf("cert")}`);
  }
  about(nameOf("cert"), () => checkChain(chain, now));
  if (!isFor(leaf, shownTo === "clients" ? SERVER_AUTH : CLIENT_AUTH)) {
    const who = shownTo === "clients" ? "servers" : "clients";
    throw new CredentialsError(`${nameOf("cert")} holds a certificate that is not for ${who} (extended key usage)`);
  }
  about(`${nameOf("cert")} with ${nameOf("key")}`, () => usable(cert, key));
  return {
    pair: { cert, key },
    clientCa,
    ca,
    certificate: {
      holder: identityOf(leaf).name,
      endsAt: Math.min(...chain.map(({ validTo }) => Date.parse(validTo))),
      isForClients: isFor(leaf, CLIENT_AUTH),
    },
  };
}

function checkChain(chain: readonly X509Certificate[], now: number): void {
  for (const certificate of chain) {
    checkTimes(certificate, now);
  }
}

/** Says what a message is about. */
function about<T>(name: string, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    throw new CredentialsError(`${name} ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function checkTimes(certificate: X509Certificate, now: number): void {
  const { validFrom, validTo } = certificate;
  if (Date.parse(validTo) <= now) {
    throw new Error(
      `holds the certificate of ${identityOf(certificate).name}, which has expired on ${isoTime(validTo)}`,
    );
  }
  if (Date.parse(validFrom) > now) {
    throw new Error(
      `holds the certificate of ${identityOf(certificate).name}, which is not valid before ${isoTime(validFrom)}`,
    );
  }
}

/** A bundle may hold authorities that are over; it vouches for nobody if all are. */
function checkAuthorities(authorities: readonly X509Certificate[], now: number): void {
  if (authorities.every(({ validTo }) => Date.parse(validTo) <= now)) {
    throw new Error("holds no certificate that has not expired");
  }
  if (!authorities.some((authority) => authority.ca || authority.checkIssued(authority))) {
    throw new Error("holds no certificate of an authority");
  }
}

function isFor(certificate: X509Certificate, usage: string): boolean {
  const usages: readonly string[] | undefined = certificate.keyUsage; // undefined where it has no such extension
  return usages === undefined || usages.includes(usage) || usages.includes(ANY_USAGE);
}

/** OpenSSL has the last word: a key may be too small for it, for one. */
function usable(cert: string, key: string): void {
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw new Error(`cannot be used: ${wordsOf(cause)}`, { cause });
  }
}

/** @param time as OpenSSL writes it */
function isoTime(time: string): string {
  return new Date(time).toISOString().replace(".000Z", "Z");
}
