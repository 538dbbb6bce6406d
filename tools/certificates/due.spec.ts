import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type CertificateOptions, createAuthority, selfSigned } from "./authority.ts";
import { whyAuthorityIsDue, whyHolderIsDue } from "./due.ts";
import { holderOf, optionsFor, person } from "./holders.ts";

const dayMs = 24 * 3_600_000;
const at = new Date("2026-03-01T12:00:00Z");
const inDays = (days: number) => new Date(at.getTime() + days * dayMs);
const validity = { notBefore: inDays(-1), notAfter: inDays(7) };

const authority = await createAuthority("ca", validity);
const stranger = await createAuthority("ca", validity);

describe("an authority", () => {
  test("is good until it has two days left", async () => {
    expect(whyAuthorityIsDue(authority, at)).toBeUndefined();
    expect(whyAuthorityIsDue(authority, inDays(5))).toBeUndefined();
    expect(whyAuthorityIsDue(authority, new Date(inDays(5).getTime() + 1))).toBe("it ends within two days");
    expect(whyAuthorityIsDue(authority, inDays(7))).toBe("it has ended");
    expect(whyAuthorityIsDue(authority, inDays(-2))).toBe("it is not valid yet");
  });

  test("is due where it could not be read, with the reason", () => {
    expect(whyAuthorityIsDue("it is missing", at)).toBe("it is missing");
    expect(whyAuthorityIsDue({ ...authority, cert: "garbage" }, at)).toMatch(/^it cannot be read: /);
    expect(whyAuthorityIsDue({ ...authority, key: "" }, at)).toMatch(/^it cannot be read: /);
  });

  test("is due where it cannot sign", async () => {
    expect(whyAuthorityIsDue({ ...authority, key: stranger.key }, at)).toBe("its key is another's");
    expect(whyAuthorityIsDue(await selfSigned({ commonName: "ca", ...validity }), at)).toBe("it is no authority");
    const below = await authority.issueAuthority("below", validity);
    expect(whyAuthorityIsDue(below, at)).toBe("it is not signed by itself");
  });
});

describe("a certificate", () => {
  const holder = holderOf("orders", "192.168.1.5");
  const why = async (options: Partial<CertificateOptions>, signer = authority) => {
    const pair = await signer.issue({ ...optionsFor(holder, validity.notAfter), ...validity, ...options });
    return whyHolderIsDue(pair, { holder, authority, at });
  };

  test("is good with all of its holder's names, and with more", async () => {
    expect(await why({})).toBeUndefined();
    expect(await why({ dnsNames: [...holder.dnsNames, "other"] })).toBeUndefined();
    const own = await authority.issue({ ...optionsFor(person, validity.notAfter), ...validity });
    expect(whyHolderIsDue(own, { holder: person, authority, at })).toBeUndefined();
  });

  test("is due without one of them", async () => {
    expect(await why({ dnsNames: ["localhost", "orders.localhost"] })).toBe("it lacks orders");
    expect(await why({ ipAddresses: ["127.0.0.1"] })).toBe("it lacks ::1, 192.168.1.5");
    expect(await why({ uris: ["spiffe://portico.test/orders/2"] })).toBe("it lacks spiffe://portico.test/orders");
    expect(await why({ dnsNames: [], ipAddresses: [], uris: [] })).toMatch(/^it lacks localhost, /);
  });

  test("is due with less than two days left", async () => {
    expect(await why({ notAfter: inDays(2) })).toBeUndefined();
    expect(await why({ notAfter: new Date(inDays(2).getTime() - 1_000) })).toBe("it ends within two days");
  });

  test("is due where another authority has signed it, by the same name or not", async () => {
    expect(await why({}, stranger)).toBe("it is of another authority");
    expect(await why({}, await createAuthority("other", validity))).toBe("it is of another authority");
  });

  test("is due where it cannot be read, or its key is another's", async () => {
    const pair = await authority.issue({ ...optionsFor(holder, validity.notAfter), ...validity });
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expect(whyHolderIsDue({ ...pair, key }, { holder, authority, at })).toBe("its key is another's");
    expect(whyHolderIsDue({ ...pair, cert: "" }, { holder, authority, at })).toMatch(/^it cannot be read: /);
    expect(whyHolderIsDue("it is missing", { holder, authority, at })).toBe("it is missing");
  });
});

test("a service whose files would be the authority's or the person's is refused", () => {
  for (const name of ["ca", "client"]) expect(() => holderOf(name)).toThrow(`A service named "${name}" cannot have`);
});
