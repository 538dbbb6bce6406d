import { createAuthority, type Pair, selfSigned } from "../../tools/certificates/authority.ts";

export type { Pair };

/** Certificates for tests on localhost: an authority's, and what it has signed. */
export interface Certificates {
  readonly authority: Pair;
  readonly server: Pair;
  readonly client: Pair;
  /** Signed by nobody but itself. */
  readonly stranger: Pair;
}

/** Makes certificates for a week, their holders named as the fields are. */
export async function makeCertificates(): Promise<Certificates> {
  const authority = await createAuthority("authority");
  const names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1", "::1"] };
  return {
    authority,
    server: await authority.issue({ commonName: "server", ...names }),
    client: await authority.issue({ commonName: "client", ...names }),
    stranger: await selfSigned({ commonName: "stranger" }),
  };
}
