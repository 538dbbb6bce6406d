import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { copyRepository, type RepositoryCopy } from "./commands/repository-copy.ts";
import { openTerminal } from "./commands/terminal.ts";
import { run } from "./packaging/process.ts";

const greeterProto = "proto/greeter/v1/greeter.proto";

describe("the schema's commands", () => {
  let copy: RepositoryCopy;

  beforeEach(async () => {
    copy = await copyRepository();
    await git("init", "--quiet", "--initial-branch=main");
    await commit("First");
  });

  afterEach(() => copy[Symbol.asyncDispose]());

  async function git(...args: readonly string[]): Promise<string> {
    const identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
    return run(["git", ...identity, ...args], { cwd: copy.folder });
  }

  async function commit(message: string): Promise<void> {
    await git("add", "--all");
    await git("commit", "--quiet", "--allow-empty", "--message", message);
  }

  async function result(line: string, env: Readonly<Record<string, string>> = {}) {
    await using terminal = openTerminal(line, copy.folder, env);
    const code = await terminal.end();
    return { code, output: terminal.output() };
  }

  const breaking = (env: Readonly<Record<string, string>> = {}) => result("npm run --silent breaking", env);
  const renameField = () => copy.edit(greeterProto, "string greeting = 1;", "string welcome = 1;");

  describe("npm run breaking", () => {
    test("passes an unchanged schema, on main and on a branch", async () => {
      await commit("Second");
      expect(await breaking()).toMatchObject({ code: 0 });
      await git("switch", "--quiet", "--create", "feature");
      await commit("Third");
      expect(await breaking()).toMatchObject({ code: 0 });
    });

    test("passes a schema that only grew", async () => {
      await commit("Second");
      await copy.add(greeterProto, "\n// A new message.\nmessage New {}\n");
      expect(await breaking()).toMatchObject({ code: 0 });
    });

    test("fails on main for a field that its last commit renamed, and names it", async () => {
      await renameField();
      await commit("Rename a field");
      const { code, output } = await breaking();
      expect(code).toBe(1);
      expect(output).toMatch(/^proto\/greeter\/v1\/greeter\.proto:\d+:\d+:.*"greeting".*"welcome"/m);
    });

    test("fails on a branch for what any of its commits broke, and for what is not committed", async () => {
      await git("switch", "--quiet", "--create", "feature");
      await renameField();
      expect(await breaking()).toMatchObject({ code: 1 });
      await commit("Rename a field");
      await commit("Something else");
      expect(await breaking()).toMatchObject({ code: 1 });
    });

    test("compares with where the branch left main, not with what main has become", async () => {
      await git("switch", "--quiet", "--create", "feature");
      await commit("Nothing");
      await git("switch", "--quiet", "main");
      await copy.add(greeterProto, "\n// Only main has it.\nmessage OnMain {}\n");
      await commit("Add a message");
      await git("switch", "--quiet", "feature");
      expect(await breaking()).toMatchObject({ code: 0 });
    });

    test("fails for a file that is gone", async () => {
      await commit("Second");
      await rm(join(copy.folder, greeterProto));
      const { code, output } = await breaking();
      expect(code).toBe(1);
      expect(output).toContain("greeter/v1/greeter.proto");
    });

    test("leaves index and working tree as they were", async () => {
      await commit("Second");
      await renameField();
      const before = await git("status", "--porcelain");
      await breaking();
      expect(await git("status", "--porcelain")).toBe(before);
    });

    test("says so when there is nothing to compare with", async () => {
      const first = await breaking();
      expect(first.code).toBe(2);
      expect(first.output).toContain("This is the first commit: it has no parent.");

      await git("branch", "--quiet", "--move", "main", "trunk");
      const withoutMain = await breaking();
      expect(withoutMain.code).toBe(2);
      expect(withoutMain.output).toContain("There is no main branch here");

      const misnamed = await breaking({ BREAKING_BASE: "no-such-commit" });
      expect(misnamed.code).toBe(2);
      expect(misnamed.output).toContain("BREAKING_BASE=no-such-commit is no commit here.");
    });

    test("says so when the base has no schema", async () => {
      await git("rm", "--quiet", "--cached", "buf.yaml");
      await git("commit", "--quiet", "--message", "Without buf.yaml");
      const { code, output } = await breaking({ BREAKING_BASE: "HEAD" });
      expect(code).toBe(2);
      expect(output).toContain("has no buf.yaml");
    });

    test("says so when the clone is shallow", async () => {
      await commit("Second");
      const source = copy;
      await using clone = await copyRepository();
      await run(["git", "clone", "--quiet", "--depth=1", `file://${source.folder}`, join(clone.folder, "clone")], {
        cwd: clone.folder,
      });
      await run(["mv", "clone/.git", ".git"], { cwd: clone.folder });
      copy = clone;
      try {
        const { code, output } = await breaking();
        expect(code).toBe(2);
        expect(output).toContain("git fetch --unshallow");
      } finally {
        copy = source;
      }
    });
  });

  describe("buf lint", () => {
    test("passes as it is and fails on a message without a comment", async () => {
      expect(await result("npx buf lint")).toMatchObject({ code: 0 });
      await copy.add(greeterProto, "\nmessage Uncommented {}\n");
      const { code, output } = await result("npx buf lint");
      expect(code).not.toBe(0);
      expect(output).toMatch(/greeter\.proto:\d+:\d+:.*"Uncommented".*comment/);
    });
  });

  describe("npm run gen", () => {
    test("changes nothing, however often it runs", async () => {
      for (const _ of ["once", "twice"]) {
        expect(await result("npm run --silent gen")).toMatchObject({ code: 0 });
        expect(await git("status", "--porcelain")).toBe("");
      }
    });
  });

  describe("npm run gen:check", () => {
    test("passes generated code that is up to date", async () => {
      expect(await result("npm run --silent gen:check")).toMatchObject({ code: 0 });
    });

    test("names every file that is not as generated, and touches none", async () => {
      await copy.add("gen/name/v1/name_pb.js", "// by hand\n");
      await copy.add("gen/extra.js", "// by hand\n");
      await rm(join(copy.folder, "gen/greeter/v1/greeter_pb.d.ts"));
      const before = await git("status", "--porcelain");
      const { code, output } = await result("npm run --silent gen:check");
      expect(code).toBe(1);
      expect(output).toContain("gen/name/v1/name_pb.js is outdated");
      expect(output).toContain("gen/extra.js is superfluous");
      expect(output).toContain("gen/greeter/v1/greeter_pb.d.ts is missing");
      expect(await git("status", "--porcelain")).toBe(before);
    });
  });
});
