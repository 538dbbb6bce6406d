import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type BufResult, runBuf } from "../../tools/buf.ts";
import { repository } from "../commands/repository-copy.ts";

/** A project with a schema of its own, for which domain types are generated. */
export interface SchemaFolder extends AsyncDisposable {
  readonly folder: string;
  /** Writes a file below `proto/`. */
  write(path: string, text: string): Promise<void>;
  generate(): Promise<BufResult>;
  /** The paths below `gen/` of what was generated. */
  generated(): Promise<readonly string[]>;
}

// One run of the plugin sees all folders: buf ends the runs of others when one fails.
const TEMPLATE = `version: v2
clean: true
inputs:
  - directory: .
plugins:
  - local: [node, ${join(repository, "tools/protoc-gen-portico/main.ts")}]
    strategy: all
    out: gen
    opt: [target=js+dts, import_extension=js]
`;

/** @param files texts by their paths below `proto/`, where `portico/types/v1/types.proto` is already */
export async function openSchemaFolder(files: Readonly<Record<string, string>>): Promise<SchemaFolder> {
  const folder = await mkdtemp(join(tmpdir(), "portico-schema-"));
  await writeFile(join(folder, "buf.yaml"), "version: v2\nmodules:\n  - path: proto\n");
  await writeFile(join(folder, "buf.gen.yaml"), TEMPLATE);
  await cp(join(repository, "proto/portico"), join(folder, "proto/portico"), { recursive: true });
  const write = async (path: string, text: string) => {
    const file = join(folder, "proto", path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  };
  for (const [path, text] of Object.entries(files)) await write(path, text);
  return {
    folder,
    write,
    generate: () => runBuf(repository, ["generate"], folder),
    async generated() {
      const entries = await readdir(join(folder, "gen"), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, "gen/").length))
        .sort();
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** What the plugin complains of, line by line: without what buf says of the plugin. */
export function complaintsIn({ output }: BufResult): readonly string[] {
  const lines = output.split("\n");
  const first = lines.indexOf("protoc-gen-portico: options do not fit their fields");
  const after = lines.findIndex((line) => line.startsWith("Failure:"));
  return first < 0 ? [] : lines.slice(first + 1, after < 0 ? undefined : after);
}
