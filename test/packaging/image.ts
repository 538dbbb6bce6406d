import { cp, lstat, mkdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { parseDockerfile, parseDockerignore, type Stage } from "./dockerfile.ts";
import { run, userEnvironment } from "./process.ts";

/** What `docker build` would make, as a folder. */
export interface Image {
  /** Where the command runs. */
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
  readonly user: string;
}

interface Layout {
  readonly root: string;
  workdir: string;
  readonly env: Record<string, string>;
  command: readonly string[];
  healthcheck: readonly string[];
  user: string;
}

/**
 * Builds the image without a Docker engine: every stage is a folder below `into`, COPY copies there, and RUN runs there, as the Dockerfile
 * says it. What cannot be had this way is the base image: its Node and npm are this machine's. An instruction that is not
 * known here is an error, so that the Dockerfile cannot grow past its test.
 */
export async function layOutImage(repository: string, into: string): Promise<Image> {
  const { stages } = parseDockerfile(await readFile(join(repository, "Dockerfile"), "utf8"));
  const inContext = parseDockerignore(await readFile(join(repository, ".dockerignore"), "utf8"));
  const roots = new Map<string, string>();
  let layout: Layout | undefined;
  for (const stage of stages) {
    layout = await layOutStage(stage, join(into, stage.name), { repository, inContext, roots });
    roots.set(stage.name, layout.root);
  }
  if (layout === undefined) throw new Error("the Dockerfile has no stage");
  return layout;
}

interface Sources {
  readonly repository: string;
  readonly inContext: (path: string) => boolean;
  readonly roots: ReadonlyMap<string, string>;
}

async function layOutStage(stage: Stage, root: string, sources: Sources): Promise<Layout> {
  const layout: Layout = { root, workdir: root, env: {}, command: [], healthcheck: [], user: "root" };
  for (const { name, value } of stage.instructions) {
    switch (name) {
      case "WORKDIR":
        layout.workdir = join(root, value);
        await mkdir(layout.workdir, { recursive: true });
        break;
      case "ENV":
        for (const [, key = "", word = ""] of value.matchAll(/(\w+)=(\S*)/g)) layout.env[key] = word;
        break;
      case "COPY":
        await copy(value, layout, sources);
        break;
      case "RUN":
        await run(["sh", "-c", value.replace(/--mount=\S+\s+/g, "")], {
          cwd: layout.workdir,
          env: { ...userEnvironment(), ...layout.env },
          deadlineMs: 180_000,
        });
        break;
      case "USER":
        layout.user = value;
        break;
      case "HEALTHCHECK":
        layout.healthcheck = words(value.slice(value.indexOf("CMD") + "CMD".length));
        break;
      case "CMD":
        layout.command = words(value);
        break;
      default:
        throw new Error(`test/packaging/image.ts does not know the Dockerfile's ${name} ${value}`);
    }
  }
  return layout;
}

async function copy(value: string, layout: Layout, { repository, inContext, roots }: Sources): Promise<void> {
  const stage = /--from=(\S+)/.exec(value)?.[1];
  const from = stage === undefined ? repository : roots.get(stage);
  if (from === undefined) throw new Error(`COPY ${value}: no stage of that name comes before`);
  const paths = value.split(/\s+/).filter((word) => !word.startsWith("--"));
  const target = paths.pop() ?? "";
  for (const path of paths) {
    const source = join(from, path);
    const intoFolder = target.endsWith("/") && !(await lstat(source)).isDirectory();
    let copied = 0;
    await cp(source, join(layout.workdir, target, intoFolder ? path : ""), {
      recursive: true,
      verbatimSymlinks: true,
      filter: async (file) => {
        const sent = stage !== undefined || inContext(relative(repository, file).split(sep).join("/"));
        if (sent && (await lstat(file)).isFile()) copied += 1;
        return sent;
      },
    });
    if (copied === 0) throw new Error(`COPY ${value}: .dockerignore keeps all of ${path} out`);
  }
}

/** The words of an exec form; the shell form would put a shell between docker's signal and node. */
function words(value: string): readonly string[] {
  const parsed: unknown = JSON.parse(value.trim());
  if (!Array.isArray(parsed) || !parsed.every((word) => typeof word === "string"))
    throw new Error(`not an exec form: ${value}`);
  return parsed;
}
