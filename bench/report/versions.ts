import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { arch, cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "../build/source-folder.ts";

const PACKAGES = ["@grpc/grpc-js", "@connectrpc/connect-node", "fastify"];
const MODULES = ["google.golang.org/grpc", "connectrpc.com/connect"];

/** The machine, in a line. */
export function describeMachine(): string {
  const [first] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpus().length} cores of ${first?.model ?? "an unknown kind"}, ${memory}, ${type()} ${release()}, ${arch()}`;
}

/** What was measured, and with what: names and versions. */
export async function describeVersions(): Promise<string> {
  const pom = await readFile(join(ROOT, "bench/peers/armeria/pom.xml"), "utf8");
  const goMod = await readFile(join(ROOT, "bench/peers/go/go.mod"), "utf8");
  const versions = [
    `Node ${process.versions.node}`,
    ...(await Promise.all(PACKAGES.map(async (name) => `${name} ${await packageVersion(name)}`))),
    ...MODULES.map((name) => `${name} ${new RegExp(`${name} v(\\S+)`).exec(goMod)?.[1]}`),
    `Armeria ${/<armeria\.version>(.+)</.exec(pom)?.[1]}`,
    await printed("go", ["version"], /go version go(?<version>\S+)/, "Go"),
    await printed("java", ["-version"], /version "(?<version>[^"]+)"/, "Java"),
    await printed("h2load", ["--version"], /nghttp2\/(?<version>\S+)/, "h2load"),
  ];
  return versions.filter((version) => version !== undefined).join(", ");
}

async function packageVersion(name: string): Promise<string> {
  return JSON.parse(await readFile(join(ROOT, "node_modules", name, "package.json"), "utf8")).version;
}

async function printed(program: string, args: string[], pattern: RegExp, name: string): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, args, { timeout: 10_000 });
    return `${name} ${pattern.exec(stdout + stderr)?.groups?.["version"]}`;
  } catch {
    return undefined; // what is absent has no version
  }
}
