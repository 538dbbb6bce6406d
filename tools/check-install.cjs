// Runs before every npm script, on whatever Node the shell has: old syntax only, and no dependencies, since the very thing
// it checks is whether they are there. It reads file names and starts no process unless it has to: it costs milliseconds.

// biome-ignore-start lint/style/useNodejsImportProtocol: Node before 14.18 does not know "node:".
const childProcess = require("child_process");
const fs = require("fs");
const path = require("path");
// biome-ignore-end lint/style/useNodejsImportProtocol: see above

const root = path.join(__dirname, "..");

/** A path below node_modules. */
function installed(...names) {
  return path.join(root, "node_modules", ...names);
}

/** The content of a JSON file, or nothing if there is none. */
function readJson(file) {
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : undefined;
}

/** Whether this process is that file: then it evidently runs here. */
function isRunning(executable) {
  return fs.realpathSync(process.execPath) === fs.realpathSync(executable);
}

/** Whether it runs on this machine at all: node_modules may come from another one. */
function runs(executable) {
  return isRunning(executable) || childProcess.spawnSync(executable, ["--version"], { timeout: 10000 }).status === 0;
}

/** The packages of package.json that are not there. */
function missingPackages(manifest) {
  const named = Object.assign({}, manifest.dependencies, manifest.devDependencies, manifest.peerDependencies);
  return Object.keys(named).filter((name) => !fs.existsSync(installed(name, "package.json")));
}

/** buf's program is in a package for each platform, or was downloaded by buf's install script where there is none. */
function hasBuf() {
  const siblings = fs.readdirSync(installed("@bufbuild")).filter((name) => name.indexOf("buf-") === 0);
  const files = fs.readdirSync(installed("@bufbuild", "buf"));
  return (
    siblings.some((name) =>
      ["buf", "buf.exe"].some((file) => fs.existsSync(installed("@bufbuild", name, "bin", file))),
    ) || files.some((name) => /^downloaded-.*buf(\.exe)?$/.test(name))
  );
}

/** What is wrong, and the command that mends it; nothing if all is well. */
function findProblem() {
  const manifest = readJson(path.join(root, "package.json"));
  if (!fs.existsSync(installed())) return { what: "the project's packages (nothing is installed)", mend: "npm ci" };
  const missing = missingPackages(manifest);
  if (missing.length > 0) {
    const first = missing.slice(0, 5).join(", ") + (missing.length > 5 ? ` and ${missing.length - 5} more` : "");
    // Without development packages (NODE_ENV=production, --omit=dev) a bare `npm ci` would leave them out again.
    return { what: `these packages: ${first}`, mend: "npm ci --include=dev" };
  }
  const pinned = manifest.devDependencies.node;
  const present = readJson(installed("node", "package.json")).version;
  if (present !== pinned) return { what: `Node ${pinned} (${present} is installed)`, mend: "npm ci --include=dev" };

  const executable = installed("node", "bin", process.platform === "win32" ? "node.exe" : "node");
  const lacking = [];
  // Without install scripts npm neither fetches Node's program nor links it into node_modules/.bin.
  if (!fs.existsSync(executable) || !fs.existsSync(installed(".bin", "node"))) lacking.push("node");
  if (!hasBuf()) lacking.push("@bufbuild/buf");
  if (lacking.length > 0) {
    return {
      what: `the programs of ${lacking.join(" and ")} (install scripts were skipped)`,
      // `ignore-scripts` in an .npmrc is the usual reason, and would skip them here too.
      mend: `npm rebuild --ignore-scripts=false ${lacking.join(" ")}`,
    };
  }
  if (!runs(executable))
    return { what: "a Node for this machine (the one in node_modules does not run)", mend: "npm ci" };
  return undefined;
}

const problem = findProblem();
if (problem !== undefined) {
  console.error(
    `Portico is not completely installed. Missing: ${problem.what}.\nTo mend it, run this in ${root}:\n\n  ${problem.mend}\n`,
  );
  process.exit(1);
}
