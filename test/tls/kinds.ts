import { type Authority, createAuthority, type Pair, selfSigned } from "../../tools/certificates/authority.ts";

/** Certificates of every kind that a handshake on localhost may meet. */
export interface Kinds {
  readonly authority: Authority;
  /** One that nobody here trusts. */
  readonly otherAuthority: Authority;
  /** The authority's, but for those that say otherwise. */
  readonly servers: Readonly<Record<ServerKind, Pair>>;
  readonly clients: Readonly<Record<ClientKind, Pair>>;
}

export type ServerKind =
  | "right"
  | "signed by itself"
  | "of another authority"
  | "expired"
  | "not yet valid"
  | "for another name"
  | "by way of an intermediate"
  | "whose intermediate is missing";
export type ClientKind =
  | "right"
  | "signed by itself"
  | "of another authority"
  | "expired"
  | "not yet valid"
  | "not for clients"
  | "by way of an intermediate"
  | "whose intermediate is missing";

/** Who the clients say that they are. */
export const CLIENT_ID = "spiffe://portico.test/client";

const DAY_MS = 86_400_000;

/** Makes them all, for this moment. */
export async function makeKinds(): Promise<Kinds> {
  const authority = await createAuthority("authority");
  const otherAuthority = await createAuthority("another authority");
  const intermediate = await authority.issueAuthority("intermediate");
  const here = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1", "::1"] };
  const server = { commonName: "server", ...here };
  const client = { commonName: "client", uris: [CLIENT_ID] };
  const past = { notBefore: daysAhead(-2), notAfter: daysAhead(-1) };
  const future = { notBefore: daysAhead(1), notAfter: daysAhead(2) };
  const [below, clientBelow] = [await intermediate.issue(server), await intermediate.issue(client)];
  const withChain = ({ cert, key }: Pair): Pair => ({ cert: cert + intermediate.cert, key });
  return {
    authority,
    otherAuthority,
    servers: {
      right: await authority.issue(server),
      "signed by itself": await selfSigned(server),
      "of another authority": await otherAuthority.issue(server),
      expired: await authority.issue({ ...server, ...past }),
      "not yet valid": await authority.issue({ ...server, ...future }),
      "for another name": await authority.issue({ commonName: "server", dnsNames: ["elsewhere.test"] }),
      "by way of an intermediate": withChain(below),
      "whose intermediate is missing": below,
    },
    clients: {
      right: await authority.issue(client),
      "signed by itself": await selfSigned(client),
      "of another authority": await otherAuthority.issue(client),
      expired: await authority.issue({ ...client, ...past }),
      "not yet valid": await authority.issue({ ...client, ...future }),
      "not for clients": await authority.issue({ ...client, usages: ["serverAuth"] }),
      "by way of an intermediate": withChain(clientBelow),
      "whose intermediate is missing": clientBelow,
    },
  };
}

function daysAhead(days: number): Date {
  return new Date(Date.now() + days * DAY_MS);
}
