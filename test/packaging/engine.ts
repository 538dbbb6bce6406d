import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildMongoServer } from "../stores/mongo-server.ts";
import { parseDockerfile } from "./dockerfile.ts";
import { buildMongoImage } from "./mongo-image.ts";
import { cleanEnvironment, poll, run, succeeds } from "./process.ts";

/** A Docker engine for the length of a test; disposing it ends the daemon if this test started it. */
export interface Engine extends AsyncDisposable {
  /** What the `docker` command needs to find it. */
  readonly env: Readonly<Record<string, string>>;
}

export type EngineChoice =
  | { readonly kind: "available"; readonly title: string; start(): Promise<Engine> }
  | { readonly kind: "missing"; readonly reason: string };

/** The lab of this repository's workshop where there is one, else an engine that already runs. */
export async function findEngine(repository: string): Promise<EngineChoice> {
  const lab = join(repository, "../shared/tools/docker-lab.sh");
  if (existsSync(lab) && process.platform === "linux" && process.getuid?.() === 0) {
    const mongo = await buildMongoServer();
    if ("lacks" in mongo) return { kind: "missing", reason: `no FerretDB for the Docker lab: ${mongo.lacks}` };
    return { kind: "available", title: "the Docker lab's engine", start: () => startLab(lab, repository, mongo.path) };
  }
  const env = cleanEnvironment();
  const works = async (...command: [string, ...string[]]) =>
    succeeds(command, { cwd: repository, env, deadlineMs: 10_000 });
  if (!(await works("docker", "version"))) return { kind: "missing", reason: "no Docker engine runs" };
  if (!(await works("docker", "compose", "version"))) return { kind: "missing", reason: "no docker compose" };
  const start = async () => ({ env, [Symbol.asyncDispose]: async () => undefined });
  return { kind: "available", title: "the engine that runs here", start };
}

/** The image that the Dockerfile is built on when nobody says otherwise. */
export async function baseImage(repository: string): Promise<string> {
  const image = parseDockerfile(await readFile(join(repository, "Dockerfile"), "utf8")).args.get("NODE_IMAGE");
  if (image === undefined) throw new Error("the Dockerfile has no ARG NODE_IMAGE");
  return image;
}

/** The lab's folder is the same in every run: its packages and the base image take a minute to make, once. */
async function startLab(script: string, repository: string, mongoProgram: string): Promise<Engine> {
  const LAB = join(tmpdir(), "portico-docker-lab");
  const base = await baseImage(repository);
  const [, MAJOR = "", SUITE = ""] = /^node:(\d+)-(\w+)-slim$/.exec(base) ?? [];
  const options = { cwd: repository, env: { ...cleanEnvironment(), LAB, MAJOR, SUITE }, deadlineMs: 300_000 };
  const exports = await run(["bash", script, "env"], options);
  const variables = await run(
    ["bash", "-c", `${exports}\nprintf '%s\\n' "$PATH" "$DOCKER_HOST" "$DOCKER_CONFIG"`],
    options,
  );
  const [PATH = "", DOCKER_HOST = "", DOCKER_CONFIG = ""] = variables.split("\n");
  const env = { ...cleanEnvironment(), PATH, DOCKER_HOST, DOCKER_CONFIG };
  const runs = () => succeeds(["docker", "version"], { cwd: repository, env });

  const wasRunning = await runs();
  await using owned = new AsyncDisposableStack();
  await run(["bash", script, "up"], options);
  owned.defer(async () => {
    if (wasRunning) return;
    await run(["bash", script, "down"], options);
    // dockerd stops listening first and removes its pid file last.
    await poll(async () => !existsSync(join(LAB, "d.pid")), 30_000);
  });
  await buildMongoImage({ repository, program: mongoProgram, base, env });
  const engine = owned.move();
  return { env, [Symbol.asyncDispose]: () => engine.disposeAsync() };
}
