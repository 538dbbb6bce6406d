import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { type MountedSecret, mountSecret } from "../../test/tls/mounted-secret.ts";
import { openWritten, PAIR, pairFor } from "../../test/tls/written-files.ts";
import { createAuthority, type Pair } from "../../tools/certificates/authority.ts";
import type { Logger } from "../call/logger.ts";
import { channelView, type TlsFilePaths, tlsFiles } from "./channel-tls-files.ts";

const DAY_MS = 86_400_000;
const authority = await createAuthority("authority");
const other = await createAuthority("other");
const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const inDays = (days: number) => new Date(Date.now() + days * DAY_MS);
const client = () => authority.issue({ commonName: "client", notAfter: inDays(30.5) });

function mounted(
  pair: Pair,
  ca = authority.cert,
): MountedSecret & { readonly files: Required<Pick<TlsFilePaths, "caFile" | "certFile" | "keyFile">> } {
  const secret = mountSecret(contentOf(pair, ca));
  onTestFinished(() => secret[Symbol.dispose]());
  const { pathOf } = secret;
  return { ...secret, files: { caFile: pathOf("ca.crt"), certFile: pathOf("tls.crt"), keyFile: pathOf("tls.key") } };
}

const contentOf = ({ cert, key }: Pair, ca: string) => ({ "ca.crt": ca, "tls.crt": cert, "tls.key": key });

describe("a channel's TLS from files", () => {
  test("is what they hold, and the same object for as long as they hold it", async () => {
    const pair = await client();
    using tls = await tlsFiles(mounted(pair).files);
    expect(tls.current).toEqual({ ...pair, ca: authority.cert });
    expect(tls.current).toBe(tls.current);
    expect(tls.daysLeft).toBe(30);
  });

  test("may be of authorities alone, or of a pair alone", async () => {
    const pair = await client();
    const { caFile, certFile, keyFile } = mounted(pair).files;
    using trusting = await tlsFiles({ caFile });
    expect(trusting.current).toEqual({ ca: authority.cert });
    expect(trusting.daysLeft).toBeUndefined();
    using showing = await tlsFiles({ certFile, keyFile });
    expect(showing.current).toEqual(pair);
  });

  test("has connections replaced within ten minutes, or as it is told", async () => {
    const { files } = mounted(await client());
    using tls = await tlsFiles(files);
    expect(tls.maxConnectionAgeMs).toBe(600_000);
    using told = await tlsFiles({ ...files, maxConnectionAgeMs: 2000 });
    expect(told.maxConnectionAgeMs).toBe(2000);
  });

  test("is another once the files are, and tells of it until nobody wants to know", async () => {
    const secret = mounted(await client());
    using tls = await tlsFiles({ ...secret.files, log: silent });
    const before = tls.current;
    const renewed = Promise.withResolvers<void>();
    const forget = tls.onRenewal(renewed.resolve);
    const next = await client();
    secret.swap(contentOf(next, authority.cert + other.cert));
    await renewed.promise;
    expect(tls.current).toEqual({ ...next, ca: authority.cert + other.cert });
    expect(tls.current).not.toBe(before);
    forget();
    const again = Promise.withResolvers<void>();
    tls.onRenewal(again.resolve);
    const last = await client();
    secret.overwrite(contentOf(last, authority.cert));
    await again.promise;
    expect(tls.current).toEqual({ ...last, ca: authority.cert });
  });

  test.each([
    ["certFile", "keyFile"],
    ["keyFile", "certFile"],
  ] as const)("needs both files of a pair: %s without %s is refused", async (given, missing) => {
    const { files } = mounted(await client());
    await expect(tlsFiles({ [given]: files[given] })).rejects.toThrow(`tlsFiles: ${given} needs ${missing}`);
  });

  test("is refused where files cannot be used, with their names", async () => {
    const { pathOf, files } = mounted(await authority.issue({ commonName: "server", usages: ["serverAuth"] }));
    await expect(tlsFiles(files)).rejects.toThrow(
      `certFile ${files.certFile} holds a certificate that is not for clients (extended key usage)`,
    );
    await expect(tlsFiles({ caFile: pathOf("no.crt") })).rejects.toThrow(
      `caFile ${pathOf("no.crt")} cannot be read: there is no such file`,
    );
    await expect(tlsFiles({ caFile: pathOf("..data") })).rejects.toThrow("cannot be read: it is a folder");
    writeFileSync(pathOf("large.crt"), authority.cert.padEnd(1024 * 1024 + 1));
    await expect(tlsFiles({ caFile: pathOf("large.crt") })).rejects.toThrow(
      "cannot be read: it has more than 1024 KiB",
    );
  });

  test("warns of the process where it is given no log", async () => {
    const { files } = mounted(await authority.issue({ commonName: "client", notAfter: inDays(1) }));
    const warned = once(process, "warning");
    using _tls = await tlsFiles(files);
    const [warning] = await warned;
    expect(warning).toMatchObject({
      name: "PorticoTlsWarning",
      message: expect.stringMatching(`^the certificate in certFile ${files.certFile} ends within a day, on `),
    });
  });
});

test("a service's channels show its certificate only where it may be a client's", async () => {
  const server = await authority.issue({ commonName: "server", usages: ["serverAuth"] });
  const paths = { ...PAIR, ca: "ca.crt" };
  const { files, clock, write } = await openWritten(
    { [PAIR.cert]: server.cert, [PAIR.key]: server.key, "ca.crt": authority.cert },
    paths,
  );
  const view = channelView(files, 1000);
  expect(view.current).toEqual({ ca: authority.cert });
  expect(view.daysLeft).toBeUndefined();
  const both = await pairFor(90);
  write(both);
  await clock.advance(30_000);
  expect(view.current).toEqual({ ...both, ca: authority.cert });
  expect(view.daysLeft).toBe(89);
  view[Symbol.dispose]();
  expect(clock.timers).toBe(0);
});
