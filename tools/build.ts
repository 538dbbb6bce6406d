import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, readdir, readFile, rm } from "node:fs/promises";
import { extname, join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
const source = join(root, "src");
const dist = join(root, "dist");

/** What users import, and what each of them loads. */
const ENTRANCES = ["index", "client", "testing", "types"];

/**
 * Puts what the entrances load into a few files: to find and read two hundred small ones takes a fifth of a service's start.
 * Their source maps lead to the TypeScript that tsc has read.
 */
async function bundle(): Promise<void> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ENTRANCES.map((name) => `dist/${name}.js`),
    outdir: "dist",
    allowOverwrite: true,
    bundle: true,
    splitting: true,
    chunkNames: "chunks/[hash]",
    format: "esm",
    platform: "node",
    packages: "external",
    sourcemap: true,
    metafile: true,
    logLevel: "warning",
  });
  for (const file of await readdir(dist, { recursive: true })) {
    const isCompiled = /\.js(?:\.map)?$/.test(file) && !file.startsWith("services/");
    if (isCompiled && !(`dist/${file}` in metafile.outputs)) {
      await rm(join(dist, file)); // it is in a chunk, or there is nothing but types in it
    }
  }
}

/** The plugin of buf, which npm puts into its users' path: the version that it tells is read from package.json beside dist/. */
async function bundlePlugin(): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: ["tools/protoc-gen-portico/main.ts"],
    outdir: "dist/protoc-gen-portico",
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node22",
    packages: "external",
    external: ["../../package.json"],
    logLevel: "warning",
  });
}

/** What tsc makes of a `.ts` file it writes itself; everything else, such as the page of greeter, goes along as it is. */
async function copyAssets(): Promise<void> {
  await cp(source, dist, { recursive: true, filter: (path) => extname(path) !== ".ts" });
}

/** The compiled files that still import TypeScript: they would not run. */
async function findTypeScriptImports(): Promise<readonly string[]> {
  const files = (await readdir(dist, { recursive: true })).filter((file) => file.endsWith(".js"));
  const specifier = /\b(?:from|import)\s*\(?\s*["'][^"']+\.ts["']/;
  const isWrong = await Promise.all(
    files.map(async (file) => specifier.test(await readFile(join(dist, file), "utf8"))),
  );
  return files.filter((_, index) => isWrong[index]);
}

await rm(dist, { recursive: true, force: true });
const compiler = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", "tsconfig.build.json"], {
  cwd: root,
  stdio: "inherit",
});
if (compiler.status !== 0) process.exit(compiler.status ?? 1);
await bundle();
await bundlePlugin();
await copyAssets();
const wrong = await findTypeScriptImports();
if (wrong.length > 0) throw new Error(`dist/ imports TypeScript in ${wrong.join(", ")}`);
if (!existsSync(join(dist, "index.js"))) throw new Error("dist/index.js is missing: is it still src/index.ts?");
