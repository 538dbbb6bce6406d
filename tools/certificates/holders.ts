import { isIP } from "node:net";
import type { CertificateOptions } from "./authority.ts";

/** Who has a certificate in the folder: a service, or whoever uses curl. */
export interface Holder {
  /** What its files are called, before `.crt` and `.key`. */
  readonly file: string;
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** One SPIFFE id, and nothing beside it: with two the certificate would be nobody's (X509-SVID, section 2). */
  readonly uris: readonly [string];
}

/** The file name of the authority. */
export const authorityFile = "ca";

/** Whoever calls the services by hand: it serves nothing, so that it has no name but its id. */
export const person: Holder = { ...named("client"), dnsNames: [], ipAddresses: [] };

/**
 * A service as others on this machine reach it, and by its name in a network of containers.
 * @param host Where it listens, if not everywhere: a name or an address that its certificate has to hold for as well.
 * @throws Error where its files would be those of the authority or of `client`
 */
export function holderOf(name: string, host = "localhost"): Holder {
  if (name === authorityFile || name === person.file) {
    throw new Error(`A service named "${name}" cannot have a certificate: ${name}.crt is taken. Give it another name.`);
  }
  const isAddress = isIP(host) !== 0;
  return {
    ...named(name),
    dnsNames: distinct(["localhost", name, `${name}.localhost`, ...(isAddress ? [] : [host])]),
    ipAddresses: distinct(["127.0.0.1", "::1", ...(isAddress ? [host] : [])]),
  };
}

/** What its certificate is made of. */
export function optionsFor({ file: _file, ...options }: Holder, notAfter: Date): CertificateOptions {
  return { ...options, notAfter };
}

function named(name: string) {
  return { file: name, commonName: name, uris: [`spiffe://portico.test/${name}`] } as const;
}

function distinct(names: readonly string[]): readonly string[] {
  return [...new Set(names)];
}
