import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "portico-certs-"));
});
afterAll(() => rm(folder, { recursive: true }));

function certs(...args: readonly string[]) {
  const program = join(import.meta.dirname, "certs.ts");
  const options = { cwd: folder, encoding: "utf8", timeout: 20_000 } as const;
  return spawnSync(process.execPath, ["--conditions=portico-source", program, ...args], options);
}

test("makes a certificate for each service and one for curl, says so, and then leaves them as they are", async () => {
  const first = certs("--folder", "made");
  expect(first.status, first.stderr).toBe(0);
  for (const name of ["ca", "name", "greeter", "client"]) {
    expect(first.stdout).toMatch(
      new RegExp(`^  ${name} +until \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC  \\(it is missing\\)$`, "m"),
    );
    expect(await readdir(join(folder, "made"))).toEqual(expect.arrayContaining([`${name}.crt`, `${name}.key`]));
  }
  expect(first.stdout).toContain(
    "curl --cacert made/ca.crt --cert made/client.crt --key made/client.key https://localhost:",
  );
  const second = certs("--folder", "made");
  expect(second.stdout).toMatch(/^Nothing is due: the certificates in made hold until /);
});

test.each([[["--force"]], [["made"]], [["--folder"]], [["--folder", ""]]])(
  "says in a line what it takes, and exits with 1: %j",
  (args) => {
    const { status, stdout, stderr } = certs(...args);
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: "",
      stderr: "npm run certs takes nothing but -- --folder <path>.\n",
    });
  },
);

test("says in a line that the folder cannot be written, and exits with 1", () => {
  const { status, stderr } = certs("--folder", join(import.meta.filename, "below"));
  expect(status).toBe(1);
  expect(stderr).toMatch(/^Certificates could not be made: .+\n$/);
});
