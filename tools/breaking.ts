import { execFile } from "node:child_process";
import { copyFile, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { runBuf } from "./buf.ts";

// buf can compare with a branch by itself (`--against .git#branch=main`), but then it sees committed files only, and the
// schemas that buf.yaml takes from node_modules are none. So the base's schema is put beside the present node_modules.

/** The module that is ours: the others come from packages, whose schemas are not ours to keep from breaking. */
const ourModule = "proto";

const root = join(import.meta.dirname, "..");

/** Runs git; its answer without the line break at the end, or nothing if it fails: there is no such revision, mostly. */
async function git(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string | undefined> {
  const run = promisify(execFile)("git", args, { cwd: root, env: { ...process.env, ...env } });
  return run.then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
}

async function commit(revision: string): Promise<string | undefined> {
  return git(["rev-parse", "--verify", "--quiet", `${revision}^{commit}`]);
}

/**
 * The commit to compare with: the merge base with the main branch, or on main itself its first parent.
 * @throws If there is none, saying why.
 */
async function findBase(): Promise<string> {
  const named = process.env["BREAKING_BASE"];
  if (named) {
    const base = await commit(named);
    if (base === undefined) throw new Error(`BREAKING_BASE=${named} is no commit here.`);
    return base;
  }
  const head = await commit("HEAD");
  if (head === undefined) throw new Error("There is no commit yet, and so nothing to compare with.");
  const main = (await commit("refs/remotes/origin/main")) ?? (await commit("refs/heads/main"));
  if (main === undefined) throw new Error("There is no main branch here: neither origin/main nor main.");
  const mergeBase = await git(["merge-base", main, head]);
  // A branch that has no commit of its own yet is no such case, a commit that CI has checked out by its number is.
  const branch = (await git(["symbolic-ref", "--quiet", "--short", "HEAD"])) ?? "main";
  const isOnMain = mergeBase === head && branch === "main";
  const base = isOnMain ? await commit("HEAD^") : mergeBase;
  if (base !== undefined) return base;
  const isShallow = (await git(["rev-parse", "--is-shallow-repository"])) === "true";
  if (isShallow) throw new Error("This clone is shallow and lacks the base. Fetch it: git fetch --unshallow");
  throw new Error(
    mergeBase === head
      ? "This is the first commit: it has no parent."
      : "This branch has no commit in common with main.",
  );
}

/** Writes a commit's schema into a folder. It uses an index of its own: the user's stays as it is. */
async function checkOut(base: string, folder: string): Promise<void> {
  const env = { GIT_INDEX_FILE: join(folder, ".index") };
  const written = await git([`--work-tree=${folder}`, "checkout", "--quiet", base, "--", "buf.yaml", ourModule], env);
  if (written === undefined) throw new Error(`The base, commit ${base}, has no buf.yaml or no ${ourModule}/.`);
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
}

/** @returns buf's findings, with a file and line each, or nothing. */
async function findBreakingChanges(folder: string, base: string): Promise<string> {
  await checkOut(base, folder);
  const image = join(folder, "base.binpb");
  const build = ["build", ourModule, "--output", image];
  let built = await runBuf(root, build, folder);
  if (!built.isSuccess) {
    // The base may name a package that is installed no longer. What we have may serve as well.
    await copyFile(join(root, "buf.yaml"), join(folder, "buf.yaml"));
    const retried = await runBuf(root, build, folder);
    if (retried.isSuccess) built = retried;
  }
  if (!built.isSuccess) throw new Error(`The base, commit ${base}, does not build:\n${built.output}`);
  const compared = await runBuf(root, ["breaking", ourModule, "--exclude-imports", "--against", image]);
  if (compared.isSuccess) return "";
  return compared.output || "buf breaking failed without a word";
}

const folder = await mkdtemp(join(tmpdir(), "portico-breaking-"));
try {
  const base = await findBase();
  const findings = await findBreakingChanges(folder, base);
  if (findings === "") {
    console.log(`Nothing in ${ourModule}/ breaks what commit ${base.slice(0, 12)} promised.`);
  } else {
    console.error(`${findings}\nThese break what commit ${base.slice(0, 12)} promised.`);
    process.exitCode = 1;
  }
} catch (error) {
  console.error(`Cannot tell what breaks: ${error instanceof Error ? error.message : error}`);
  console.error("To name the base yourself: BREAKING_BASE=<commit> npm run breaking");
  process.exitCode = 2;
} finally {
  await rm(folder, { recursive: true, force: true });
}
