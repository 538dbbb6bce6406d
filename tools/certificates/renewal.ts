import { X509Certificate } from "node:crypto";
import { createAuthority, openAuthority, type Pair } from "./authority.ts";
import { whyAuthorityIsDue, whyHolderIsDue } from "./due.ts";
import { authorityFile, type Holder, optionsFor } from "./holders.ts";
import { readPair, writePairs } from "./pair-files.ts";

const lifeMs = 7 * 24 * 3_600_000;

/** A pair of files as it is after a renewal. */
export interface Kept {
  /** Their name, before `.crt` and `.key`. */
  readonly name: string;
  readonly until: Date;
  /** Why it was made, such as "it is missing"; nothing where it is as it was. */
  readonly why: string | undefined;
}

/**
 * Makes what is due of the authority and of the holders' certificates, and writes it; the rest stays as it is. A new
 * authority means new certificates for all; the one before is trusted beside it until it ends, since running services
 * do not all take up their new files in the same moment.
 * @param folder Made where there is none.
 * @returns All of them, the authority first.
 * @throws Error where the folder cannot be written
 */
export async function renewCertificates(
  folder: string,
  holders: readonly Holder[],
  at = new Date(),
): Promise<readonly Kept[]> {
  const notAfter = new Date(at.getTime() + lifeMs);
  const found = await readPair(folder, authorityFile);
  const authorityReason = whyAuthorityIsDue(found, at);
  const authority =
    typeof found === "string" || authorityReason !== undefined
      ? await createAuthority("portico development", { notAfter })
      : await openAuthority(found);
  // Nobody trusts a certificate for longer than who signed it.
  const lasting = new Date(Math.min(notAfter.getTime(), endOf(authority).getTime()));

  const made = new Map<string, Pair>();
  if (authorityReason !== undefined) made.set(authorityFile, { ...authority, cert: bundle(authority, found, at) });
  const kept: Kept[] = [{ name: authorityFile, until: endOf(authority), why: authorityReason }];
  for (const holder of holders) {
    const present = await readPair(folder, holder.file);
    const reason = whyHolderIsDue(present, { holder, authority, at });
    const pair =
      typeof present === "string" || reason !== undefined
        ? await authority.issue(optionsFor(holder, lasting))
        : present;
    if (reason !== undefined) made.set(holder.file, pair);
    kept.push({ name: holder.file, until: endOf(pair), why: reason });
  }
  if (made.size > 0) await writePairs(folder, made);
  return kept;
}

/** The authority's certificate, and behind it the one before as long as that holds. */
function bundle(authority: Pair, before: Pair | string, at: Date): string {
  if (typeof before === "string") return authority.cert;
  try {
    const certificate = new X509Certificate(before.cert);
    return certificate.ca && certificate.validToDate > at ? authority.cert + certificate.toString() : authority.cert;
  } catch {
    return authority.cert; // It cannot be read, which is why there is a new one.
  }
}

function endOf({ cert }: Pair): Date {
  return new X509Certificate(cert).validToDate;
}
