import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run, userEnvironment } from "./process.ts";
import { readmeCommands, readmeFiles } from "./readme-files.ts";

/** What `npm run build && npm pack` needs of the repository. */
const SOURCES = ["package.json", "tsconfig.json", "tsconfig.build.json", "LICENSE", "README.md", "gen", "src", "tools"];
const PROGRAMS = join(import.meta.dirname, "orders");

/**
 * The README's third service in a repository of its own, beside a copy of this one, as the README tells to make it. The service
 * of docs/domain-types.md is added to it.
 */
export interface OrdersProject extends AsyncDisposable {
  /** Holds `portico/`, where the package was packed, and `orders/`. */
  readonly folder: string;
  readonly path: string;
}

export async function createOrdersProject(repository: string): Promise<OrdersProject> {
  const folder = await mkdtemp(join(tmpdir(), "portico-package-"));
  const dispose = () => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, "orders");
    const readme = await readFile(join(repository, "README.md"), "utf8");
    await pack(repository, join(folder, "portico"));
    for (const [file, text] of readmeFiles(readme)) {
      if (file.startsWith("orders/")) await write(join(folder, file), text);
    }
    await cp(PROGRAMS, path, { recursive: true });
    await run(["sh", "-ec", setup(readme)], { cwd: folder, env: userEnvironment(), deadlineMs: 300_000 });
    await addDomainTypes(path, await readFile(join(repository, "docs/domain-types.md"), "utf8"));
    return { folder, path, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The README's commands but the first, which `pack` stands for (the packages that it installs are here), and the last, which does not end. */
function setup(readme: string): string {
  const commands = readmeCommands(readme, "package");
  const [packing, starting] = [commands.at(0), commands.at(-1)];
  if (packing !== "(cd portico && npm ci && npm run build && npm pack)" || starting !== "npm start") {
    throw new Error(
      `the README's commands for an own repository changed; test them here as well: ${commands.join("; ")}`,
    );
  }
  return commands.slice(1, -1).join("\n");
}

/** What the page on domain types tells to do in a repository of one's own. */
async function addDomainTypes(path: string, page: string): Promise<void> {
  for (const [file, text] of readmeFiles(page)) await write(join(path, file.replace(/^orders\//, "")), text);
  const options = { cwd: path, env: userEnvironment() };
  await run(["npm", "install", "bson", "@bufbuild/protoplugin"], options);
  await run(["npm", "run", "gen"], options);
}

/** Builds a copy of the repository, so that nobody's dist/ is touched, and packs it there. */
async function pack(repository: string, into: string): Promise<void> {
  for (const path of [...SOURCES, "proto"]) await cp(join(repository, path), join(into, path), { recursive: true });
  await symlink(join(repository, "node_modules"), join(into, "node_modules"));
  await run([process.execPath, "tools/build.ts"], { cwd: into });
  await run(["npm", "pack"], { cwd: into, env: userEnvironment() });
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** The project again, with the package, its peers and nothing else installed: what a mere caller needs. */
export async function copyWithoutServicePackages(project: OrdersProject, into: string): Promise<string> {
  const packages = ["portico", "@bufbuild/protobuf", "@connectrpc/connect"];
  const kept = ["package.json", "gen", ...packages.map((name) => `node_modules/${name}`)];
  for (const path of kept) await cp(join(project.path, path), join(into, path), { recursive: true });
  await cp(PROGRAMS, into, { recursive: true });
  return into;
}
