import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createAuthority, type Pair } from "../../tools/certificates/authority.ts";

/** Paths of a certificate and its key, in PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** A server's, with what its clients have. */
export interface ServerCertificate extends Certificate {
  /** The certificate of the authority that has issued both. */
  readonly authority: string;
  readonly client: Certificate;
}

/** Makes certificates for a week, with keys on P-256: one for localhost, and one for a client. */
export async function makeCertificate(folder: string): Promise<ServerCertificate> {
  const authority = await createAuthority("authority");
  const authorityPath = join(folder, "authority.pem");
  await writeFile(authorityPath, authority.cert);
  const keep = async (name: string, { cert, key }: Pair) => {
    const kept = { certificate: join(folder, `${name}.pem`), key: join(folder, `${name}-key.pem`) };
    await writeFile(kept.certificate, cert);
    await writeFile(kept.key, key, { mode: 0o600 });
    return kept;
  };
  return {
    authority: authorityPath,
    ...(await keep("server", await authority.issue({ commonName: "server", dnsNames: ["localhost"] }))),
    client: await keep("client", await authority.issue({ commonName: "client" })),
  };
}
