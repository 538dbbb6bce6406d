import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const repository = join(import.meta.dirname, "..");
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "portico-install-"));
  await mkdir(join(folder, "tools"));
  for (const file of ["package.json", "tools/check-install.cjs"]) await cp(join(repository, file), join(folder, file));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

function check() {
  const { status, stderr } = spawnSync(process.execPath, [join(folder, "tools/check-install.cjs")], {
    encoding: "utf8",
  });
  return { status, stderr };
}

/** Links every package in, as an installation without install scripts leaves them. */
async function installWithoutScripts(): Promise<void> {
  // Its shape is the repository's own package.json.
  const manifest = JSON.parse(await readFile(join(repository, "package.json"), "utf8")) as Record<string, object>;
  const groups = [manifest["dependencies"], manifest["devDependencies"], manifest["peerDependencies"]];
  for (const name of new Set(groups.flatMap((group) => Object.keys(group ?? {})))) await link(name); // a peer may be both
  await rm(join(folder, "node_modules/node"));
  await mkdir(join(folder, "node_modules/node"));
  await link("node/package.json");
}

async function link(path: string): Promise<void> {
  const target = join(folder, "node_modules", path);
  await mkdir(join(target, ".."), { recursive: true });
  await symlink(join(repository, "node_modules", path), target);
}

test("says nothing about a complete installation", async () => {
  await symlink(join(repository, "node_modules"), join(folder, "node_modules"));
  expect(check()).toEqual({ status: 0, stderr: "" });
});

test("asks for `npm ci` where nothing is installed", () => {
  const { status, stderr } = check();
  expect(status).toBe(1);
  expect(stderr).toContain("  npm ci\n");
});

test("names Node and buf, and what mends it, when install scripts were skipped", async () => {
  await installWithoutScripts();
  const { status, stderr } = check();
  expect(status).toBe(1);
  expect(stderr).toContain("the programs of node and @bufbuild/buf (install scripts were skipped)");
  expect(stderr).toContain("  npm rebuild --ignore-scripts=false node @bufbuild/buf\n");
});

test("names the packages that are not there, and what mends it", async () => {
  await installWithoutScripts();
  await rm(join(folder, "node_modules/typescript"));
  const { status, stderr } = check();
  expect(status).toBe(1);
  expect(stderr).toContain("these packages: typescript.");
  expect(stderr).toContain("  npm ci --include=dev\n");
});

test("does not take another Node for the pinned one", async () => {
  await installWithoutScripts();
  await rm(join(folder, "node_modules/node/package.json"));
  await writeFile(join(folder, "node_modules/node/package.json"), '{"version": "25.0.0"}');
  const { status, stderr } = check();
  expect(status).toBe(1);
  expect(stderr).toMatch(/Missing: Node [\d.]+ \(25\.0\.0 is installed\)/);
});

test("notices a Node that does not run on this machine", async () => {
  await installWithoutScripts();
  await mkdir(join(folder, "node_modules/node/bin"));
  await mkdir(join(folder, "node_modules/.bin"));
  await mkdir(join(folder, "node_modules/@bufbuild/buf-here/bin"), { recursive: true });
  await writeFile(join(folder, "node_modules/@bufbuild/buf-here/bin/buf"), "");
  for (const file of ["node/bin/node", ".bin/node"]) {
    await writeFile(join(folder, "node_modules", file), "for another machine", { mode: 0o755 });
  }
  const { status, stderr } = check();
  expect(status).toBe(1);
  expect(stderr).toContain("a Node for this machine");
});
