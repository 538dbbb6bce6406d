import { join } from "node:path";
import { runProgram } from "./programs.ts";
import { buildOnce } from "./source-folder.ts";

/** Builds Armeria's peer, and returns what `java` takes to run it. */
export async function buildArmeria(): Promise<readonly string[]> {
  const folder = await buildOnce({
    name: "armeria",
    sources: "bench/peers/armeria",
    build: async (folder) => void (await runProgram("mvn", ["-q", "-B", "prepare-package"], folder)),
  });
  const classPath = [join(folder, "target/classes"), join(folder, "target/libraries/*")].join(":");
  return ["-cp", classPath, "portico.bench.Armeria"];
}
