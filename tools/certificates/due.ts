import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Pair } from "./authority.ts";
import type { Holder } from "./holders.ts";

/** A certificate with less time left is made again: whoever sleeps over a weekend finds it valid. */
const enoughMs = 2 * 24 * 3_600_000;

/**
 * Says why an authority has to be made anew, such as "it ends within two days"; nothing where it is good.
 * @param pair What is there; a text is why it could not be read.
 */
export function whyAuthorityIsDue(pair: Pair | string, at: Date): string | undefined {
  return whyPairIsDue(pair, at, (certificate) => {
    if (!certificate.ca) return "it is no authority";
    if (certificate.publicKey.asymmetricKeyDetails?.namedCurve !== "prime256v1") return "its key is of another kind";
    return certificate.verify(certificate.publicKey) ? undefined : "it is not signed by itself";
  });
}

/** The same of a holder's certificate, which has to be of that authority and to have all of the holder's names. */
export function whyHolderIsDue(
  pair: Pair | string,
  { holder, authority, at }: { readonly holder: Holder; readonly authority: Pair; readonly at: Date },
): string | undefined {
  return whyPairIsDue(pair, at, (certificate) => {
    const issuer = new X509Certificate(authority.cert);
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) return "it is of another authority";
    const missing = missingNames(certificate, holder);
    return missing.length === 0 ? undefined : `it lacks ${missing.join(", ")}`;
  });
}

function whyPairIsDue(
  pair: Pair | string,
  at: Date,
  whyNot: (certificate: X509Certificate) => string | undefined,
): string | undefined {
  if (typeof pair === "string") return pair;
  try {
    const certificate = new X509Certificate(pair.cert);
    if (!certificate.checkPrivateKey(createPrivateKey(pair.key))) return "its key is another's";
    if (certificate.validFromDate > at) return "it is not valid yet";
    if (certificate.validToDate <= at) return "it has ended";
    if (certificate.validToDate.getTime() - at.getTime() < enoughMs) return "it ends within two days";
    return whyNot(certificate);
  } catch (error) {
    return `it cannot be read: ${error instanceof Error ? error.message : error}`;
  }
}

function missingNames(certificate: X509Certificate, { dnsNames, ipAddresses, uris }: Holder): readonly string[] {
  const held = (certificate.subjectAltName ?? "").split(", ");
  return [
    ...dnsNames.filter((name) => certificate.checkHost(name, { subject: "never" }) === undefined),
    ...ipAddresses.filter((address) => certificate.checkIP(address) === undefined),
    ...uris.filter((uri) => !held.includes(`URI:${uri}`)),
  ];
}
