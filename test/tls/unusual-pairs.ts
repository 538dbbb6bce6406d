import "reflect-metadata"; // which @peculiar/x509 wants loaded before itself
import { ExtendedKeyUsageExtension, type Extension, PemConverter, X509CertificateGenerator } from "@peculiar/x509";
import type { Pair } from "../../tools/certificates/authority.ts";

// Pairs that the authority of tools/certificates does not make. Each is signed by itself.

/** One with a key that is too small for OpenSSL as Node has it. */
export function smallPair(): Promise<Pair> {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 1024 } as const;
  return signed({ ...algorithm, publicExponent: Uint8Array.of(1, 0, 1) }, []);
}

/** One for a use of its own (extended key usage). */
export function usagePair(usage: string): Promise<Pair> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
  return signed(algorithm, [new ExtendedKeyUsageExtension([usage])]);
}

async function signed(
  signingAlgorithm: (RsaHashedKeyGenParams | EcKeyGenParams) & { readonly hash: string },
  extensions: Extension[],
): Promise<Pair> {
  const keys = await crypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: "CN=unusual",
    keys,
    notBefore: new Date(Date.now() - 3_600_000), // clocks differ
    signingAlgorithm,
    extensions,
  });
  const key = PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return { cert: certificate.toString("pem"), key };
}
