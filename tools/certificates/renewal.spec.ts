import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { holderOf, person } from "./holders.ts";
import { renewCertificates } from "./renewal.ts";

const dayMs = 24 * 3_600_000;
const holders = [holderOf("name"), person];

let parent: string;
let folder: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "portico-renewal-"));
  folder = join(parent, "certs");
});
afterEach(() => rm(parent, { recursive: true }));

/** Renews as if it were so many days from now; gives why each was made. */
async function renew(days = 0): Promise<Readonly<Record<string, string | undefined>>> {
  const kept = await renewCertificates(folder, holders, new Date(Date.now() + days * dayMs));
  return Object.fromEntries(kept.map(({ name, why }) => [name, why]));
}

async function contents(): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(folder)).sort();
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const)),
  );
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

test("makes all where nothing is there, for nobody but their owner to read", async () => {
  const missing = "it is missing";
  expect(await renew()).toEqual({ ca: missing, name: missing, client: missing });
  expect([...(await contents()).keys()]).toEqual([
    "ca.crt",
    "ca.key",
    "client.crt",
    "client.key",
    "name.crt",
    "name.key",
  ]);
  expect(await modeOf(folder)).toBe(0o700);
  for (const name of await readdir(folder)) expect(await modeOf(join(folder, name)), name).toBe(0o600);
});

test("leaves what is good as it is, to the byte", async () => {
  await renew();
  const before = await contents();
  expect(await renew(4)).toEqual({ ca: undefined, name: undefined, client: undefined });
  expect(await contents()).toEqual(before);
});

test("makes again what is missing or broken, and that alone", async () => {
  await renew();
  const before = await contents();
  await rm(join(folder, "name.key"));
  await writeFile(join(folder, "client.crt"), before.get("name.crt") ?? "");
  expect(await renew()).toEqual({ ca: undefined, name: "it is missing", client: "its key is another's" });
  const after = await contents();
  const same = [...after].filter(([name, content]) => content === before.get(name)).map(([name]) => name);
  expect(same).toEqual(["ca.crt", "ca.key"]);
  expect(await renew()).toEqual({ ca: undefined, name: undefined, client: undefined });
});

test("makes no certificate that outlasts its authority", async () => {
  await renew();
  await rm(join(folder, "name.key"));
  await renew(3);
  const [ca, name] = await Promise.all(
    ["ca.crt", "name.crt"].map(async (file) => new X509Certificate(await readFile(join(folder, file)))),
  );
  expect(name?.validToDate).toEqual(ca?.validToDate);
});

test("makes all again with a new authority, and trusts the one before until it ends", async () => {
  await renew();
  const before = (await contents()).get("ca.crt") ?? "";
  const other = "it is of another authority";
  const late = "it ends within two days";
  expect(await renew(6)).toEqual({ ca: late, name: late, client: late });
  const [now, trusted] = ((await contents()).get("ca.crt") ?? "").split(/(?<=-----END CERTIFICATE-----\n)/);
  expect(now).not.toBe(before);
  expect(trusted).toBe(before);

  await rm(join(folder, "ca.key"));
  expect(await renew(6)).toEqual({ ca: "it is missing", name: other, client: other });
  expect(((await contents()).get("ca.crt") ?? "").match(/BEGIN/g)).toHaveLength(1);

  expect(await renew(20)).toMatchObject({ ca: "it has ended" });
  expect(((await contents()).get("ca.crt") ?? "").match(/BEGIN/g)).toHaveLength(1);
});

test("fails where the folder cannot be written", async () => {
  await writeFile(folder, "a file");
  await expect(renew()).rejects.toThrow("EEXIST");
});
