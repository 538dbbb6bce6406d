import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./process.ts";

/** What a stand-in is made of, and for which engine. */
export interface MongoStandIn {
  readonly repository: string;
  /** The path of a FerretDB, as test/stores builds it. */
  readonly program: string;
  /** An image with Node. */
  readonly base: string;
  /** What the `docker` command needs to find the engine. */
  readonly env: Readonly<Record<string, string>>;
}

/** Builds a stand-in by the name that compose.yaml has for MongoDB's image: for an engine that has no registry to ask. */
export async function buildMongoImage({ repository, program, base, env }: MongoStandIn): Promise<void> {
  const tag = /^ +image: (mongo:\S+)$/m.exec(await readFile(join(repository, "compose.yaml"), "utf8"))?.[1];
  if (tag === undefined) throw new Error("compose.yaml has no image of MongoDB");
  const context = await mkdtemp(join(tmpdir(), "portico-mongo-image-"));
  try {
    await cp(join(import.meta.dirname, "mongo-stand-in"), context, { recursive: true });
    await cp(program, join(context, "mongo-server"));
    const build = ["docker", "build", "--tag", tag, "--build-arg", `NODE_IMAGE=${base}`, "."] as const;
    await run(build, { cwd: context, env });
  } finally {
    await rm(context, { recursive: true });
  }
}
