import { createPrivateKey } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority, type Pair } from "../../tools/certificates/authority.ts";
import { NAME, startProcess } from "../support/service-process.ts";
import { type Folder, openFolder } from "./folder.ts";
import { makeKinds } from "./kinds.ts";

// What is wrong with a service's certificates is said on standard error, in one line, and it exits with 1.

const { authority, servers, clients } = await makeKinds();

/** Variables, each with what its file holds. */
type Files = Readonly<Record<string, string>>;

const pair = ({ cert, key }: Pair): Files => ({ TLS_CERT_FILE: cert, TLS_KEY_FILE: key });
const RIGHT = pair(servers.right);

const withPassphrase = createPrivateKey(servers.right.key).export({
  type: "pkcs8",
  format: "pem",
  cipher: "aes-256-cbc",
  passphrase: "secret",
}) as string; // by its format
const YESTERDAY = new Date(Date.now() - 86_400_000);
const LAST_WEEK = new Date(Date.now() - 7 * 86_400_000);
const past = { notBefore: LAST_WEEK, notAfter: YESTERDAY };
const oldIntermediate = await authority.issueAuthority("old intermediate", past);
const belowOld = await oldIntermediate.issue({ commonName: "server", dnsNames: ["localhost"] });
const oldAuthority = await createAuthority("old authority", past);
const forClientsOnly = await authority.issue({ commonName: "client", usages: ["clientAuth"] });
const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`;

let folder: Folder;
beforeAll(async () => {
  folder = await openFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

/** What `name` says that is started so; fails where it starts. */
async function startFailure(env: Readonly<Record<string, string>>): Promise<string> {
  await using service = startProcess(NAME, env);
  expect(await Promise.race([service.exit, service.url().catch(() => service.exit)])).toBe(1);
  expect(service.stdout()).toBe("");
  return service.stderr();
}

describe("files that cannot be used are one line and exit 1", () => {
  test.each<[what: string, files: Files, line: RegExp]>([
    [
      "a key that is another certificate's",
      { ...RIGHT, TLS_KEY_FILE: servers.expired.key },
      /TLS_KEY_FILE=\S+ is not the key to the certificate in TLS_CERT_FILE=\S+/,
    ],
    [
      "a certificate that has expired",
      pair(servers.expired),
      RegExp(String.raw`TLS_CERT_FILE=\S+ holds the certificate of .+, which has expired on ${TIME}`),
    ],
    [
      "a certificate that is not valid yet",
      pair(servers["not yet valid"]),
      RegExp(String.raw`TLS_CERT_FILE=\S+ holds the certificate of .+, which is not valid before ${TIME}`),
    ],
    [
      "a chain of which one has expired",
      { TLS_CERT_FILE: belowOld.cert + oldIntermediate.cert, TLS_KEY_FILE: belowOld.key },
      RegExp(String.raw`TLS_CERT_FILE=\S+ holds the certificate of .*old intermediate, which has expired on ${TIME}`),
    ],
    [
      "a certificate that is for clients only",
      pair(forClientsOnly),
      /TLS_CERT_FILE=\S+ holds a certificate that is not for servers \(extended key usage\)/,
    ],
    ["no certificate", { ...RIGHT, TLS_CERT_FILE: "none\n" }, /TLS_CERT_FILE=\S+ holds no certificate in PEM/],
    [
      "a certificate that is none",
      { ...RIGHT, TLS_CERT_FILE: "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n" },
      /TLS_CERT_FILE=\S+ holds a certificate that cannot be read: .+/,
    ],
    ["no key", { ...RIGHT, TLS_KEY_FILE: servers.right.cert }, /TLS_KEY_FILE=\S+ holds no private key in PEM/],
    [
      "a key with a passphrase",
      { ...RIGHT, TLS_KEY_FILE: withPassphrase },
      /TLS_KEY_FILE=\S+ holds a private key with a passphrase; one without is needed/,
    ],
    [
      "no authority of clients",
      { ...RIGHT, TLS_CLIENT_CA_FILE: clients.right.key },
      /TLS_CLIENT_CA_FILE=\S+ holds no certificate in PEM/,
    ],
    [
      "authorities of clients that have all expired",
      { ...RIGHT, TLS_CLIENT_CA_FILE: oldAuthority.cert },
      /TLS_CLIENT_CA_FILE=\S+ holds no certificate that has not expired/,
    ],
    ["no authority of targets", { TLS_CA_FILE: "" }, /TLS_CA_FILE=\S+ holds no certificate in PEM/],
  ])("%s", async (what, files, line) => {
    const env: Record<string, string> = {};
    for (const [variable, text] of Object.entries(files)) {
      env[variable] = await folder.write(`${what}-${variable}`.replaceAll(/\W+/g, "-"), text);
    }
    expect(await startFailure(env)).toMatch(RegExp(`^name cannot start: ${line.source}\n$`));
  });

  test.each([
    ["a file that is not there", (folder: Folder) => `${folder.path}/nowhere`, "there is no such file"],
    ["a folder", ({ path }: Folder) => path, "it is a folder"],
  ])("%s", async (_what, pathIn, why) => {
    const { key } = await folder.writePair("right", servers.right);
    const path = pathIn(folder);
    expect(await startFailure({ TLS_CERT_FILE: path, TLS_KEY_FILE: key })).toBe(
      `name cannot start: TLS_CERT_FILE=${path} cannot be read: ${why}\n`,
    );
  });
});

describe("variables that do not go together are named, exit 1", () => {
  test.each([
    [["TLS_CERT_FILE"], "TLS_KEY_FILE is not set: TLS_CERT_FILE needs it"],
    [["TLS_KEY_FILE"], "TLS_CERT_FILE is not set: TLS_KEY_FILE needs it"],
    [["TLS_CERT_FILE", "TLS_CLIENT_CA_FILE"], "TLS_KEY_FILE is not set: TLS_CERT_FILE needs it"],
    [
      ["TLS_CLIENT_CA_FILE"],
      'TLS_CLIENT_CA_FILE="TLS_CLIENT_CA_FILE": clients are asked for certificates by TLS only: TLS_CERT_FILE and TLS_KEY_FILE are needed beside it',
    ],
    [
      ["TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_AUTH"],
      "TLS_CLIENT_AUTH: TLS_CLIENT_CA_FILE is needed beside it: whose certificates are accepted",
    ],
  ])("%s", async (variables, problem) => {
    const env = Object.fromEntries(variables.map((name) => [name, name === "TLS_CLIENT_AUTH" ? "require" : name]));
    expect(await startFailure(env)).toBe(`name cannot start: a setting is wrong\n  ${problem}\n`);
  });
});
