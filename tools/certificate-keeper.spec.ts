import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { until } from "../test/support/until.ts";
import { createCertificateKeeper } from "./certificate-keeper.ts";
import { placeServices } from "./placement.ts";

const hourMs = 3_600_000;
const service = { name: "name", folder: "name", port: 50_051, calls: [], rank: 0 };
const { placements } = placeServices([service], {}, "/certs");

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "portico-keeper-"));
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  vi.spyOn(console, "log").mockReturnValue();
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await rm(root, { recursive: true });
});

test("keeps certificates for the services and for people, and looks after them each hour", async () => {
  const keeper = createCertificateKeeper("npm start", root, ["--tls"]);
  expect(await keeper.keepFor(placements)).toEqual([]);
  expect((await readdir(join(root, "certs"))).sort()).toEqual(
    ["ca", "client", "name"].flatMap((name) => [`${name}.crt`, `${name}.key`]),
  );
  const key = join(root, "certs/name.key");
  const authority = await readFile(join(root, "certs/ca.crt"), "utf8");
  for (const round of [1, 2]) {
    await rm(key);
    vi.mocked(console.log).mockClear();
    vi.advanceTimersByTime(hourMs);
    await until(() => vi.mocked(console.log).mock.lastCall?.[0].includes("name"));
    expect(existsSync(key)).toBe(true);
    expect(vi.getTimerCount(), `in round ${round}`).toBe(1);
  }
  expect(await readFile(join(root, "certs/ca.crt"), "utf8")).toBe(authority);
});

test("says in a line why certificates cannot be made, at once and each hour", async () => {
  await writeFile(join(root, "certs"), "a file");
  const complain = vi.spyOn(console, "error").mockReturnValue();
  const keeper = createCertificateKeeper("npm start", root, ["--tls"]);
  const [line] = await keeper.keepFor(placements);
  expect(line).toMatch(/^Certificates could not be made: EEXIST/);
  vi.advanceTimersByTime(hourMs);
  await until(() => complain.mock.lastCall?.[0] === line);
});

test("makes none unless it is asked to", async () => {
  const keeper = createCertificateKeeper("npm start", root, []);
  expect(await keeper.keepFor(placements)).toEqual([]);
  expect(keeper.folder).toBeUndefined();
  expect(await readdir(root)).toEqual([]);
});
