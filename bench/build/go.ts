import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runBuf } from "../../tools/buf.ts";
import { runProgram } from "./programs.ts";
import { buildOnce, ROOT } from "./source-folder.ts";

/** The plugins that go.mod pins, by the flags that they take. */
const PLUGINS = ["protoc-gen-go", "protoc-gen-go-grpc", "protoc-gen-connect-go"];

const TEMPLATE = `version: v2
managed:
  enabled: true
  override:
    - file_option: go_package_prefix
      value: portico/bench/gen
plugins:
${PLUGINS.map((name) => `  - { local: bin/${name}, out: gen, opt: paths=source_relative }`).join("\n")}
`;

/** A workspace around the repository, or a vendor folder's mode, would choose other versions than go.mod and go.sum. */
const ENVIRONMENT = { GOWORK: "off", GOFLAGS: "-mod=readonly -buildvcs=false" };

/** Builds the peers in Go, and returns the folder with their programs. */
export async function buildGo(): Promise<string> {
  const folder = await buildOnce({
    name: "go",
    sources: "bench/peers/go",
    async build(folder) {
      const go = (...args: readonly string[]) => runProgram("go", args, folder, ENVIRONMENT);
      await go("build", "-o", "bin/", "tool");
      await writeFile(join(folder, "buf.gen.yaml"), TEMPLATE);
      const generated = await runBuf(ROOT, ["generate"], folder);
      if (!generated.isSuccess) throw new Error(`The code of the peers in Go was not generated:\n${generated.output}`);
      await go("build", "-o", "bin/", "./grpc-go", "./connect-go");
    },
  });
  return join(folder, "bin");
}
