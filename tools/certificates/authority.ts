import "reflect-metadata"; // which @peculiar/x509 wants loaded before itself
import { createPrivateKey, randomBytes } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralNames,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const hourMs = 3_600_000;
const weekMs = 7 * 24 * hourMs;

/** A certificate and its private key, in PEM: one certificate without its chain, and PKCS#8. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** When a certificate holds. Whole seconds: what is below is cut off. */
export interface Validity {
  /** Default: an hour ago, since clocks differ. */
  readonly notBefore?: Date;
  /** Default: a week ahead. */
  readonly notAfter?: Date;
}

/** What a certificate says of its holder, who is no authority. */
export interface CertificateOptions extends Validity {
  readonly commonName: string;
  readonly organization?: string;
  /** Together the subject's alternative names; without any, the certificate has no such extension. */
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly uris?: readonly string[];
  /** What it may be used for. Default: both. An empty list leaves the extension out, which allows everything. */
  readonly usages?: readonly ("serverAuth" | "clientAuth")[];
}

/** Signs certificates. It is a pair itself, so that it can be kept in files and opened again. */
export interface Authority extends Pair {
  issue(options: CertificateOptions): Promise<Pair>;
  /** Makes an authority below this one. */
  issueAuthority(commonName: string, validity?: Validity): Promise<Authority>;
}

/** Makes an authority that nobody but itself vouches for. Its key is ECDSA's on P-256, as all here are. */
export async function createAuthority(commonName: string, validity: Validity = {}): Promise<Authority> {
  const keys = await generateKeys();
  const extensions = authorityExtensions();
  const cert = await sign({ name: nameOf(commonName), keys, extensions, validity });
  return authorityOf(cert, keys.privateKey);
}

/**
 * Opens an authority that was kept.
 * @throws Error where one of the two is not in PEM, or the key is no ECDSA key on P-256. Whether they belong together
 *   is for the caller to check.
 */
export async function openAuthority({ cert, key }: Pair): Promise<Authority> {
  const pkcs8 = createPrivateKey(key).export({ type: "pkcs8", format: "der" });
  return authorityOf(new X509Certificate(cert), await crypto.subtle.importKey("pkcs8", pkcs8, ecdsa, true, ["sign"]));
}

/** Makes a certificate that nobody but itself vouches for and that is no authority. */
export async function selfSigned(options: CertificateOptions): Promise<Pair> {
  const keys = await generateKeys();
  const name = nameOf(options.commonName, options.organization);
  const cert = await sign({ name, keys, extensions: holderExtensions(options), validity: options });
  return pairOf(cert, keys.privateKey);
}

async function authorityOf(certificate: X509Certificate, key: CryptoKey): Promise<Authority> {
  const issuer = { certificate, key };
  return {
    ...(await pairOf(certificate, key)),
    async issue(options) {
      const keys = await generateKeys();
      const name = nameOf(options.commonName, options.organization);
      const cert = await sign({ name, keys, extensions: holderExtensions(options), validity: options, issuer });
      return pairOf(cert, keys.privateKey);
    },
    async issueAuthority(commonName, validity = {}) {
      const keys = await generateKeys();
      const extensions = authorityExtensions();
      const cert = await sign({ name: nameOf(commonName), keys, extensions, validity, issuer });
      return authorityOf(cert, keys.privateKey);
    },
  };
}

interface Signing {
  readonly name: JsonName;
  readonly keys: CryptoKeyPair;
  readonly extensions: readonly Extension[];
  readonly validity: Validity;
  /** Default: itself. */
  readonly issuer?: { readonly certificate: X509Certificate; readonly key: CryptoKey };
}

async function sign({ name, keys, extensions, validity, issuer }: Signing): Promise<X509Certificate> {
  const issuerKey = issuer?.certificate.publicKey ?? keys.publicKey;
  return X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: name,
    issuer: issuer?.certificate.subjectName ?? name,
    notBefore: validity.notBefore ?? new Date(Date.now() - hourMs),
    notAfter: validity.notAfter ?? new Date(Date.now() + weekMs),
    publicKey: keys.publicKey,
    signingKey: issuer?.key ?? keys.privateKey,
    signingAlgorithm: ecdsa,
    extensions: [
      ...extensions,
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuerKey),
    ],
  });
}

function authorityExtensions(): readonly Extension[] {
  const usages = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
  return [new BasicConstraintsExtension(true, undefined, true), new KeyUsagesExtension(usages, true)];
}

function holderExtensions({
  dnsNames = [],
  ipAddresses = [],
  uris = [],
  usages = ["serverAuth", "clientAuth"],
}: CertificateOptions): readonly Extension[] {
  const names: JsonGeneralNames = [
    ...dnsNames.map((value) => ({ type: "dns" as const, value })),
    ...ipAddresses.map((value) => ({ type: "ip" as const, value })),
    ...uris.map((value) => ({ type: "url" as const, value })),
  ];
  const purposes = usages.map((usage) => ExtendedKeyUsage[usage]);
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    ...(purposes.length > 0 ? [new ExtendedKeyUsageExtension(purposes)] : []),
    ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
  ];
}

function nameOf(commonName: string, organization?: string): JsonName {
  return [{ CN: [commonName] }, ...(organization === undefined ? [] : [{ O: [organization] }])];
}

/** 126 random bits below a one: RFC 5280 (4.1.2.2) wants a positive number of at most 20 bytes. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes.writeUInt8((bytes.readUInt8() & 0x7f) | 0x40);
  return bytes.toString("hex");
}

async function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ecdsa, true, ["sign", "verify"]);
}

async function pairOf(certificate: X509Certificate, key: CryptoKey): Promise<Pair> {
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", key)).toString("base64");
  const lines = pkcs8.match(/.{1,64}/g) ?? [];
  const pem = ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");
  return { cert: `${certificate.toString("pem")}\n`, key: pem };
}
